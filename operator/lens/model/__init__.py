"""The truth: typed objects, GPU requests, the ledger and its snapshots.

Pure: no I/O, no asyncio, no clock. What happens when is the caller's business; a time is an argument.
"""
