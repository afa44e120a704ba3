"""The probes, the metrics and the files that the process itself serves."""
