"""Which container holds which device, as the kubelet's PodResources API says."""
