"""Server-sent events: one picture, and then what changes, to all who listen."""
