"""``top``: live figures on the whole screen."""
