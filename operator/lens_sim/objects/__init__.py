"""Kubernetes objects, their resources, and the store that holds them."""
