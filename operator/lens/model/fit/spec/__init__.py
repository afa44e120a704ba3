"""What decides whether a pod fits, as the specs of nodes and pods say it."""
