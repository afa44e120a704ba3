"""The pods that workloads make: with the labels and containers that their controllers add."""
