"""The way to a Lens: its own address, or the kubeconfig and a port-forward."""
