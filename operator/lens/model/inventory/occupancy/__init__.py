"""Who holds a node's GPUs, and which physical GPUs those are."""
