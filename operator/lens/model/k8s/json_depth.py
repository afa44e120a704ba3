"""Flattens JSON that is nested too deep to be decoded.

An apiserver takes 10,000 levels, from anybody who may create a pod (``metadata.managedFields``), and a
decoder that recurses is at its end after less than 1,000: one such pod would hide all the others.
"""

import re

DEEPEST = 100
"""Levels that are kept. Kubernetes' own types need about 20."""

# A string without an end is a token to the document's end: looked into, it would be looked into again from
# each quote in it. A backslash that ends the document escapes nothing.
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.?)*+"?|[\[{]|[\]}]', re.DOTALL)


def flattened(document: bytes) -> bytes:
    """Return the document with ``null`` in place of what lies deeper than DEEPEST levels."""
    parts: list[bytes] = []
    depth = start = 0
    for token in _TOKEN.finditer(document):
        if token[0] in (b"{", b"["):
            depth += 1
            if depth == DEEPEST + 1:
                parts += document[start : token.start()], b"null"
        elif token[0] in (b"}", b"]"):
            depth -= 1
            if depth == DEEPEST:
                start = token.end()
    if depth <= DEEPEST:
        parts.append(document[start:])
    return b"".join(parts)
