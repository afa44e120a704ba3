"""How threads and tasks wait, share, repeat and give way to each other."""
