"""Where a server is: the parts of its URL."""

import re
from typing import NamedTuple
from urllib.parse import quote, urlsplit

_PORTS = {"http": 80, "https": 443}

# A password may have characters that end the authority of a URL.
_CREDENTIALS = re.compile(r"^(\w*://)?.*@", re.DOTALL)


class Endpoint(NamedTuple):
    """An HTTP server. ``path`` precedes each requested path, and has no slash at its end."""

    scheme: str
    host: str
    port: int
    path: str = ""

    @property
    def authority(self) -> str:
        """Return what the Host field says: the port only where it isn't the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """Return the URL, without credentials."""
        return f"{self.scheme}://{self.authority}{self.path}"


def path(*segments: str) -> str:
    """Return a path of which each segment is encoded."""
    return "".join(f"/{quote(segment, safe='')}" for segment in segments)


def parse(url: str) -> Endpoint:
    """Return the parts of an http or https URL; without a scheme it is https. Raise ValueError."""
    whole = url if "://" in url else f"https://{url}"
    url = _CREDENTIALS.sub(r"\1", url)
    try:
        parts = urlsplit(whole)
        port = parts.port
    except ValueError:
        raise ValueError(f"{url!a} has no valid host and port") from None
    if parts.scheme not in _PORTS or not parts.hostname or not whole.isprintable() or " " in whole:
        raise ValueError(f"{url!a} is no http:// or https:// address")
    if parts.query or parts.fragment:
        raise ValueError(f"{url!a} must have no ? and no #")
    return Endpoint(parts.scheme, parts.hostname, port or _PORTS[parts.scheme], parts.path.rstrip("/"))
