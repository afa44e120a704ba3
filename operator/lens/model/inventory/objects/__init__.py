"""What Lens keeps of each Kubernetes object, and the decoders that read it."""
