"""The allocation of devices to claims on one node: what requests ask for, the search, and its results."""
