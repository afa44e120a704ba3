"""``kubectl lens``: what a cluster's GPUs are doing, from a Lens, in a terminal. Imports nothing of Lens."""

__version__ = "0.1.0"
