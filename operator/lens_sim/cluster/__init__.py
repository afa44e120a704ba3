"""The simulated cluster: its nodes, its workloads, and what happens to them."""
