"""Answers that are kept: of which moment they are, their bodies, and their header fields."""
