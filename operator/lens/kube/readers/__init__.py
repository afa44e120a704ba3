"""Reads outside the watches: owners, finished pods, Events, and reviews of tokens and permissions."""
