"""Requests to the apiserver: its address, credentials, single objects, discovery, page sizes, pauses."""
