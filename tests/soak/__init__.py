"""A day of a living cluster in some minutes, and what of Lens' process grows in it."""
