"""What Lens keeps of each Kubernetes object, read from the object's manifest."""
