"""The query and path parameters of each endpoint, and their validation."""
