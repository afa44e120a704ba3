"""Cached responses: the state that they are made from, their bodies, and their header fields."""
