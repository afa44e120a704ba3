"""The fit engine against the cluster's own kube-scheduler: ask Lens, create the pods, see what happens."""
