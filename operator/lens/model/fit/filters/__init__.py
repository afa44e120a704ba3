"""kube-scheduler's filters, one file for each plugin or for those that look at the same thing."""
