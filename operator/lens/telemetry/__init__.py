"""Telemetry: what the node agents, or exporters that are there already, tell of the GPUs.

It asks whom it is told to ask, at a steady pace and within bounds, and trusts nothing that comes back before
it is checked. Discovery is not its affair: ``Scraper.set_targets`` takes the targets from outside.
"""
