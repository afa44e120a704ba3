"""Dynamic resource allocation end to end: drivers' pools, claims and their pods, and the API's figures."""
