"""Alerts: their types, the rules that raise them, and how long each has been active."""
