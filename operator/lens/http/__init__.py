"""The HTTP server of all of Lens' processes: connections within bounds.

It doesn't depend on what is served.
"""
