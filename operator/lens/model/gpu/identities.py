"""What distinguishes a GPU from all others: a uuid or a serial number, and not a placeholder of one.

Virtual functions, engineering boards, containers without rights and drivers that are just starting have
placeholders: zeros, ``N/A``, what a BIOS was delivered with. Two GPUs with the same one are two GPUs.
"""

import re
from collections.abc import Iterable

_PREFIX = re.compile(r"(?:GPU|MIG)-|0x", re.IGNORECASE)
_FILLING = re.compile(r"[^0-9a-z]+", re.IGNORECASE)
_PLACEHOLDERS = frozenset(
    (
        "na",
        "nan",
        "nil",
        "none",
        "null",
        "empty",
        "error",
        "invalid",
        "undefined",
        "unknown",
        "unavailable",
        "notavailable",
        "notapplicable",
        "notpresent",
        "notset",
        "notspecified",
        "notsupported",
        "unspecified",
        "unsupported",
        "default",
        "defaultstring",
        "systemserialnumber",
        "serialnumber",
        "tobefilledbyoem",
        "tbd",
        "0",
        "00",
        "0123456789",
        "1234567890",
        "123456789",
    )
)

_REPLACEMENT = "\ufffd"

LONG = 24
"""Letters and digits that no placeholder has with its prefix, unless they are all the same."""

SAME = 3
"""A text of one letter or digit, such as a zero, repeated this often or more, is no identity."""


_UUIDS = re.compile(r"(?:(?:GPU-|MIG-)?[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-(?!(.)\1{11})[0-9a-f]{12} )*")


def are_uuids(texts: Iterable[str]) -> bool:
    """Return whether all of these are uuids as NVML writes them, and so identities.

    A uuid that ends in one letter or digit repeated may be a placeholder. Others in one test cost less than
    each by itself.
    """
    return _UUIDS.fullmatch(" ".join((*texts, ""))) is not None


def identity(text: str | None) -> str | None:
    """Return an identity, or None for a placeholder."""
    if text is None:
        return None
    # Nearly all: a uuid. Beside a prefix it has more than one letter or digit.
    plain = text.replace("-", "").lower()
    if len(plain) >= LONG and plain.isascii() and plain.isalnum() and plain.count(plain[-1]) < len(plain) - 4:
        return text
    if _REPLACEMENT in text or not text.isprintable():
        return None
    bare = text.strip()
    prefix = _PREFIX.match(bare)
    core = _FILLING.sub("", bare if prefix is None else bare[prefix.end() :]).lower()
    numbered = prefix is not None and prefix[0].endswith("-") and core.isdigit()
    if not core or (core in _PLACEHOLDERS and not numbered):
        return None
    return None if len(core) >= SAME and len(set(core)) == 1 else text
