"""Whether pods fit the cluster's nodes, decided by kube-scheduler's own filters over what is stored.

The reference is Kubernetes 1.37.2, pkg/scheduler/framework/plugins, with the default plugins and gates.
"""
