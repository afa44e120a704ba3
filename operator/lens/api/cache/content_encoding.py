"""The content encodings of responses (RFC 9110, 8.4)."""

import sys
import zlib
from collections.abc import Callable, Mapping

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

MIN_ENCODED_BYTES = 1024
"""A smaller body isn't worth its compression."""

_GZIP_LEVEL = 1
_ZSTD_LEVEL = 3
_GZIP_WINDOW = 31


def _gzip(body: bytes) -> bytes:
    """Return a body as gzip (RFC 1952), without a time, so that equal bodies stay equal."""
    return zlib.compress(body, _GZIP_LEVEL, _GZIP_WINDOW)


def _zstd(body: bytes) -> bytes:
    """Return a body as zstd (RFC 8878)."""
    return zstd.compress(body, _ZSTD_LEVEL)


ENCODERS: Mapping[str, Callable[[bytes], bytes]] = {"zstd": _zstd, "gzip": _gzip}
"""Encoders by the name of their encoding, in the server's order of preference."""
