"""Everything that talks to Kubernetes.

kopf runs the watches: discovery, connections, reconnects, life cycle. The transport in its HTTP session reads
lists and watches once, and stores them in the ledger in the order of the stream.
"""
