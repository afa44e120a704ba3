"""Requests to other clusters' Lenses: their responses are passed on, and their figures aggregated."""
