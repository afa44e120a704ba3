"""Requests to the apiserver: where it is, credentials, single objects, discovery, pages, pauses."""
