"""The HTTP API: one aiohttp server that answers from the cluster's current state and asks nobody else.

``routes`` is the table of what there is; ``dispatch`` takes a request through it; ``answers`` turns a view
of the snapshot (``status``, ``nodes``) into a cached answer, and so does ``lists`` with pods (``tasks``,
``pending``), page by page; ``schemas`` has what answers look like.
"""
