"""The HTTP API, which responds from the cluster's current state.

Handlers call Kubernetes only to authenticate and authorize, and other clusters' Lenses for their figures.
"""
