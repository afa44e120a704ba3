"""Requests that schemathesis makes up."""
