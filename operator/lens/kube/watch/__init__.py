"""kopf's watches: read inside its HTTP session, counted, and published as snapshots."""
