"""Pods and nodes with GPUs: decoded, stored in the ledger, and read as immutable snapshots."""
