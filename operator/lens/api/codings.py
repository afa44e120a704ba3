"""What answers may be compressed to."""

import sys
import zlib
from collections.abc import Callable, Mapping

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

LEAST_CODED = 1024
"""Bytes. To compress less isn't worth the trouble."""

_GZIP_LEVEL = 1
_ZSTD_LEVEL = 3
_GZIP_WINDOW = 31


def _gzip(body: bytes) -> bytes:
    """Return a body as gzip (RFC 1952), which bears no time, so that equal ones stay equal."""
    return zlib.compress(body, _GZIP_LEVEL, _GZIP_WINDOW)


def _zstd(body: bytes) -> bytes:
    """Return a body as zstd (RFC 8878)."""
    return zstd.compress(body, _ZSTD_LEVEL)


CODINGS: Mapping[str, Callable[[bytes], bytes]] = {"zstd": _zstd, "gzip": _gzip}
"""By name, the better first."""
