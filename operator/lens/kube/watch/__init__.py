"""kopf's watches: what its session carries is read underneath, counted, and published as snapshots."""
