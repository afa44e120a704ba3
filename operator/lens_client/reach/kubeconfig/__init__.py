"""The kubeconfig: the contexts of its files, with their clusters and users."""
