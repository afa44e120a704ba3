"""Replaces lone surrogates in JSON, so that it can be decoded.

``\\ud800`` alone is an escape of JSON and no character. A decoder refuses it wherever it is, so that one text
would hide a whole list. Go's ``encoding/json`` reads it as U+FFFD, and so does this.
"""

import re

_PAIR = rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_HALF = re.compile(rb"\\u[dD][89a-fA-F]")
_ESCAPE = re.compile(rb"(?P<whole>" + _PAIR + rb"|\\[^u])|\\u[dD][89a-fA-F][0-9a-fA-F]{2}", re.DOTALL)


def without_halves(document: bytes) -> bytes:
    """Return the document with U+FFFD in place of each lone surrogate."""
    if _HALF.search(document) is None:
        return document
    return _ESCAPE.sub(lambda escape: escape["whole"] or rb"\ufffd", document)
