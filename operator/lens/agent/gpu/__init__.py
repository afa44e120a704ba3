"""What NVML says about a node's GPUs."""
