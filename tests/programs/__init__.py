"""What needs programs that are no part of Lens: Helm, Prometheus, schemathesis at length."""
