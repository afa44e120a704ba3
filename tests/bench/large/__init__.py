"""Lens before a large cluster: what DRA, many pods and questions about fit cost it."""
