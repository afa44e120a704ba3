"""`kubectl lens` in processes of its own: how it gets to a Lens, and what it says when it doesn't."""
