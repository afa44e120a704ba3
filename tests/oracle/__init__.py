"""kube-scheduler's own code as an oracle: cases made by seed, and whether the fit engine agrees on them."""
