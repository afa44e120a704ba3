"""Printing answers as ``-o`` says, and what changes in them."""
