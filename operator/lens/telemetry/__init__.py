"""Scrape GPU telemetry from node agents or existing exporters.

The scraper reads its targets at a steady pace, within bounds of time and bytes, and validates each response.
Discovery is outside of this room: ``Scraper.set_targets`` takes the targets.
"""
