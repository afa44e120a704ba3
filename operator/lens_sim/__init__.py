"""A simulated cluster behind a real Kubernetes HTTP interface, for `lens demo` and the integration tests."""
