"""The proxy that the environment names for the apiserver, by the rules of Go's net/http: kubectl's."""

from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from yarl import URL


def proxy_of_environment(server: URL, proxies: Mapping[str, str]) -> str | None:
    """Return the URL that HTTPS_PROXY or HTTP_PROXY has for a server, or None without a proxy.

    ``proxies`` are the environment's, as ``urllib.request.getproxies`` returns them. This machine needs none,
    whatever NO_PROXY has.
    """
    proxy = proxies.get(server.scheme)
    return None if not proxy or _is_direct(server, proxies.get("no", "")) else proxy


def _is_direct(server: URL, no_proxy: str) -> bool:
    """Return whether a server is this machine, or a rule of NO_PROXY names it."""
    host = (server.host or "").lower().rstrip(".")
    address = _address(host)
    if host == "localhost" or (address is not None and address.is_loopback):
        return True
    rules = [each.strip().lower() for each in no_proxy.split(",")]
    return "*" in rules or any(_names(rule, host, address, server.port) for rule in rules)


def _names(rule: str, host: str, address: IPv4Address | IPv6Address | None, port: int | None) -> bool:
    """Return whether a rule names a host: an address, a network or a domain, and perhaps a port."""
    name, colon, digits = rule.rpartition(":")
    # The colons of an address of IPv6 are in brackets where a port follows.
    if not colon or ("]" not in name and ":" in name) or "]" in digits:
        name, digits = rule, ""
    name = name.removeprefix("[").removesuffix("]").removeprefix("*")
    if not name or (digits and digits != str(port)):
        return False
    if address is not None:
        try:
            return address in ip_network(name, strict=False)
        except ValueError:
            return False
    return host.endswith(name) if name.startswith(".") else host == name or host.endswith(f".{name}")


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None
