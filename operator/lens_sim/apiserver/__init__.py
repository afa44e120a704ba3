"""The simulated apiserver: the store over HTTP."""
