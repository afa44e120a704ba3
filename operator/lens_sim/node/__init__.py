"""What is on a simulated node: the kubelet's socket, NVML, and real agents."""
