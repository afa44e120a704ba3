"""What Lens keeps of each Kubernetes object, and how it is made of what the apiserver writes."""
