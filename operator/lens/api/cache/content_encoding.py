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

Encoders = Mapping[str, Callable[[bytes], bytes]]
"""Encoders by the name of their encoding, in the server's order of preference."""

_GZIP_WINDOW = 31


def _encoders(zstd_level: int, gzip_level: int) -> Encoders:
    return {
        # RFC 8878
        "zstd": lambda body: zstd.compress(body, zstd_level),
        # RFC 1952, without a time, so that equal bodies stay equal
        "gzip": lambda body: zlib.compress(body, gzip_level, _GZIP_WINDOW),
    }


ENCODERS = _encoders(zstd_level=3, gzip_level=1)
"""For bodies that are made again and again."""

ONCE_ENCODERS = _encoders(zstd_level=12, gzip_level=9)
"""For bodies that are encoded once and sent many times: some ms for each 50 KB."""
