"""The fit engine against kube-scheduler's own code."""
