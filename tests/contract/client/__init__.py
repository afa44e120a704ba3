"""``kubectl lens`` against a Lens that answers what a test says, on pipes and on pseudo-terminals."""
