"""The proxy that the environment names for the apiserver, by the rules of Go's net/http: kubectl's."""

from collections.abc import Mapping

from yarl import URL

from lens_client.transport.proxies import is_direct


def proxy_of_environment(server: URL, proxies: Mapping[str, str]) -> str | None:
    """Return the URL that HTTPS_PROXY or HTTP_PROXY has for a server, or None without a proxy.

    ``proxies`` are the environment's, as ``urllib.request.getproxies`` returns them. This machine needs none,
    whatever NO_PROXY has.
    """
    proxy = proxies.get(server.scheme)
    return None if not proxy or is_direct(server.host or "", server.port, proxies.get("no", "")) else proxy
