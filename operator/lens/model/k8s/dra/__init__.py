"""Dynamic resource allocation: its objects, drivers and devices, and what a pod was given."""
