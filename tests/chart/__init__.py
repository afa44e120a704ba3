"""The chart, as far as it is files: what is made from it, and what is made for it."""
