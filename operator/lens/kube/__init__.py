"""Everything that talks to Kubernetes.

kopf runs the watches: discovery, connections, reconnects, life cycle, handlers. What passes through its
session is read once, underneath, by the transport here, and stored in the ledger in the order of the stream.
"""
