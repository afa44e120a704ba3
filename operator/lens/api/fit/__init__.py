"""Questions about fit, answered within bounds of time."""
