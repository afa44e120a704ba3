"""Lists of pods: sorting, pagination, and encoding as JSON and CSV."""
