"""The agent's report, as JSON and as Prometheus metrics."""
