"""The pure model: typed objects, GPU requests, the ledger and its snapshots, alerts and events.

It has no I/O, no asyncio and no clock: a time is an argument.
"""
