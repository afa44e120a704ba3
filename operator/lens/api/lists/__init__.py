"""Lists of pods and of nodes: sorting, pagination, and encoding as JSON and CSV."""
