"""One file for what each path answers, and what several of them share."""
