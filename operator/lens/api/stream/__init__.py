"""Server-sent events: the local cluster's, and the streams that are proxied from peers."""
