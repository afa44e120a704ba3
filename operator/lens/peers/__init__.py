"""Requests to other clusters' Lenses over HTTP: only to the configured addresses, within bounds."""
