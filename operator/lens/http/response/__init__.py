"""Responses as they are written: at the speed of the client, and within bounds on what it has not read."""
