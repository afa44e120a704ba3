"""Pods and nodes with GPUs: decoded, kept in the ledger, and read as immutable snapshots."""
