"""Dynamic resource allocation: its objects, drivers and devices, and the devices in a pod's status."""
