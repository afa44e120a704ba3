"""Dynamic resource allocation in a fit: the devices that there are, who holds them, and what claims may have.

The rules are kube-scheduler's: its plugin DynamicResources, and k8s.io/dynamic-resource-allocation v0.37.
"""
