"""kube-scheduler's filters, one file for each plugin or for those that check the same thing."""
