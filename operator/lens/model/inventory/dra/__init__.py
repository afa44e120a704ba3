"""Dynamic resource allocation (DRA): claims, devices in slices and pools, and the GPUs that they are."""
