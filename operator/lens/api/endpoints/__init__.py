"""Views: pure functions from the cluster state to an endpoint's data."""
