"""What `make chaos` holds against what clients saw, on real answers that somebody has tampered with."""
