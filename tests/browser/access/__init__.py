"""Who gets in, by which way, and what they see."""
