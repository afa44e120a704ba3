"""The validity of a certificate (RFC 5280, 4.1.2.5). Python's ssl returns only that of a peer's."""

import re
import ssl
from datetime import UTC, datetime
from typing import NamedTuple, Self

_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
_SEQUENCE, _UTC_TIME, _GENERALIZED_TIME, _VERSION = 0x30, 0x17, 0x18, 0xA0


class _Element(NamedTuple):
    """A DER element: its tag, and where its content is and ends."""

    tag: int
    start: int
    end: int


class Validity(NamedTuple):
    """The first and the last epoch second at which a certificate is valid."""

    begins: float
    ends: float

    @classmethod
    def read(cls, pem: str) -> Self:
        """Return the validity of the first certificate in a PEM text. Raise ValueError."""
        found = _PEM.search(pem)
        if found is None:
            raise ValueError("there is no certificate")
        der = ssl.PEM_cert_to_DER_cert(found[0])
        at = _element(der, _element(der, 0, _SEQUENCE).start, _SEQUENCE).start
        if _element(der, at).tag == _VERSION:
            at = _element(der, at).end
        # Serial number, signature algorithm, issuer.
        for _ in range(3):
            at = _element(der, at).end
        begins = _element(der, _element(der, at, _SEQUENCE).start)
        return cls(_time(der, begins), _time(der, _element(der, begins.end)))

    def has(self, now: float) -> bool:
        """Return whether the certificate is valid at an epoch second."""
        return self.begins <= now <= self.ends

    def __str__(self) -> str:
        """Return it for people."""
        begins, ends = (datetime.fromtimestamp(each, UTC).isoformat() for each in self)
        return f"valid from {begins} to {ends}"


def _element(der: bytes, at: int, tag: int | None = None) -> _Element:
    if len(der) < at + 2 or (tag is not None and der[at] != tag):
        raise ValueError("is no certificate")
    length, start = der[at + 1], at + 2
    if length & 0x80:
        start += length & 0x7F
        length = int.from_bytes(der[at + 2 : start], "big")
    if start + length > len(der):
        raise ValueError("is cut off")
    return _Element(der[at], start, start + length)


def _time(der: bytes, element: _Element) -> float:
    text = der[element.start : element.end].decode("ascii")
    if element.tag == _UTC_TIME:
        # Two digits of the year, of which 50 and later are the last century's.
        text = ("19" if text >= "50" else "20") + text
    elif element.tag != _GENERALIZED_TIME:
        raise ValueError("has no time")
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC).timestamp()
