"""Lens' HTTP API: its types, and a client for one Lens."""
