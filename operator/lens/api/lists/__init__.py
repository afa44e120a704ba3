"""Lists of pods: rows, order, pages, CSV."""
