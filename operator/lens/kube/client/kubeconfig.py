"""The apiserver's address and Lens' credentials, loaded by the official client.

Tokens, certificates and CAs rotate, so their files are checked before every request.
"""

import asyncio
import binascii
import os
import re
import ssl
import threading
from collections.abc import Iterable
from concurrent.futures import Future
from pathlib import Path
from urllib.request import getproxies

import aiohttp
import kubernetes.client
import kubernetes.config
from kubernetes.config.incluster_config import InClusterConfigLoader
from kubernetes.config.kube_config import (
    KUBE_CONFIG_DEFAULT_LOCATION,
    ConfigNode,
    KubeConfigLoader,
    KubeConfigMerger,
)
from yarl import URL

from lens.config.errors import SettingsError
from lens.config.reading import PREFIX
from lens.files.reloading_file import FileSignature, file_signature
from lens.http_client import client_context
from lens.kube.client.proxies import proxy_of_environment
from lens.redaction import without_credentials, without_entries

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""The folder in which the kubelet mounts a pod's service account."""


_APPLY_SECONDS = 10.0


class ConnectionFailedError(SettingsError):
    """The configuration can't be loaded. The message names it, and the cause."""


class Connection:
    """The connection settings of one apiserver, for the sessions of one event loop.

    ``load`` and ``authorization`` block on files and credential plugins: call them in threads. Of concurrent
    calls one loads what has changed, and the others wait for it.
    """

    def __init__(
        self,
        kubeconfig: Path | None = None,
        context: str | None = None,
        service_account: Path = SERVICE_ACCOUNT,
    ) -> None:
        """Use a kubeconfig; by default the pod's service account, or outside of a pod kubectl's default."""
        self._in_cluster = kubeconfig is None and "KUBERNETES_SERVICE_HOST" in os.environ
        self._kubeconfig = str(kubeconfig or KUBE_CONFIG_DEFAULT_LOCATION)
        self._context = context
        self._service_account = service_account
        self._configuration = kubernetes.client.Configuration()
        self._loader: KubeConfigLoader | None = None
        self._proxy: str | None = None
        self._basic: str | None = None
        self._token_file: str | None = None
        self._signatures: list[FileSignature] = []
        self._tls: ssl.SSLContext | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = threading.RLock()

    @property
    def server(self) -> str:
        """Return the apiserver's base URL, without a trailing slash and without a user."""
        return without_credentials(str(self._configuration.host)).rstrip("/")

    @property
    def server_name(self) -> str | None:
        """Return the name to expect in the apiserver's certificate if it isn't the URL's host."""
        return self._configuration.tls_server_name or None

    @property
    def proxy(self) -> str | None:
        """Return the proxy's URL: the kubeconfig's, or else the environment's; None without one."""
        return self._proxy

    def load(self) -> None:
        """Load everything again. Raise ConnectionFailedError."""
        with self._lock:
            self._load()

    def _load(self) -> None:
        # Without a proxy the official client takes the environment's, also for this machine.
        configuration = kubernetes.client.Configuration(proxy="", no_proxy="")
        loader = None
        try:
            if self._in_cluster:
                token_file = self._service_account / "token"
                InClusterConfigLoader(
                    token_filename=str(token_file), cert_filename=str(self._service_account / "ca.crt")
                ).load_and_set(configuration)
                self._token_file = str(token_file)
            else:
                merged = _merged(self._kubeconfig)
                loader = KubeConfigLoader(merged, self._context, config_base_path=None)
                loader.load_and_set(configuration)
                self._token_file = self._kubeconfig_token_file(merged)
            server = _server(str(configuration.host))
            self._trust(configuration)
            basic = _basic(server)
            proxy = configuration.proxy or proxy_of_environment(server, getproxies())
            proxy = _proxy(proxy) if proxy else None
        # The loaders raise any exception that a malformed file causes in their code.
        except Exception as error:
            raise self._failed(error) from error
        if self._loader is not None:
            # Its attributes lead back to it: until a collection of garbage all of the kubeconfig would stay.
            vars(self._loader).clear()
        self._loader = loader
        self._configuration, self._basic, self._proxy = configuration, basic, proxy
        self._signatures = self._file_signatures()

    def authorization(self) -> str | None:
        """Return the current Authorization header, or None. Raise ConnectionFailedError."""
        with self._lock:
            if self._file_signatures() != self._signatures:
                self._load()
            try:
                # The official client's hook renews expired credentials, those of exec plugins included.
                header = self._configuration.get_api_key_with_prefix("BearerToken")
            except Exception as error:
                raise self._failed(error) from error
        header = header.strip() if header else self._basic
        if header is not None and not (header.isascii() and header.isprintable()):
            # No request could be sent with it.
            raise self._failed(ValueError("the token isn't one line of ASCII"))
        return header

    def tls(self) -> ssl.SSLContext:
        """Return the context of all sessions. Call this in their loop, which also changes the context."""
        self._loop = asyncio.get_running_loop()
        if self._tls is None:
            self._tls = client_context()
        return self._tls

    @property
    def _origin(self) -> str:
        if self._in_cluster:
            return f"service account in {self._service_account}"
        return f"{PREFIX}KUBECONFIG: {self._kubeconfig}"

    def _failed(self, error: Exception) -> ConnectionFailedError:
        problem = without_entries(" ".join(_problem(error).split()))
        return ConnectionFailedError(without_credentials(f"{self._origin}: {problem}"))

    def _trust(self, configuration: kubernetes.client.Configuration) -> None:
        """Load CAs and certificates into the context, in the loop that opens connections with it.

        OpenSSL crashes if one thread changes a context with which another thread opens a connection.
        """
        if self._tls is None:
            self._tls = client_context()
        tls, applied = self._tls, Future[None]()

        def apply() -> None:
            try:
                _apply(configuration, tls)
            except Exception as error:
                applied.set_exception(error)
            else:
                applied.set_result(None)

        if self._loop is None or self._loop.is_closed():
            apply()
        else:
            self._loop.call_soon_threadsafe(apply)
        applied.result(_APPLY_SECONDS)

    def _kubeconfig_token_file(self, merged: ConfigNode) -> str | None:
        contexts, users = merged["contexts"], merged.safe_get("users")
        name = contexts.get_with_name(self._context or merged["current-context"])["context"].safe_get("user")
        user = merged["users"].get_with_name(name, safe=True) if users and name else None
        token_file = user["user"].safe_get("tokenFile") if user and user.safe_get("user") else None
        if user is None or token_file is None:
            return None
        return str(Path(user.path or self._kubeconfig).parent / token_file)

    def _file_signatures(self) -> list[FileSignature]:
        """Return the signature of every file of the configuration."""
        configuration = self._configuration
        files: Iterable[str | None] = (
            *(self._kubeconfig.split(os.pathsep) if not self._in_cluster else ()),
            self._token_file,
            configuration.ssl_ca_cert,
            configuration.cert_file,
            configuration.key_file,
        )
        return [file_signature(file) if file else None for file in files]


def _merged(paths: str) -> ConfigNode:
    """Return what kubeconfigs have together. Raise ConfigException if there is none."""
    merged = KubeConfigMerger(paths).config
    if merged is None:
        raise kubernetes.config.ConfigException("Invalid kube-config file. No configuration found.")
    return merged


def _problem(error: Exception) -> str:
    """Return the problem of a kubeconfig, by the official client's error."""
    if isinstance(error, (TypeError, AttributeError, LookupError, UnicodeError)):
        # The cause is found by what a kubeconfig should have, since Python's errors don't name it.
        return "is no kubeconfig"
    if isinstance(error, binascii.Error):
        return "certificate-authority-data, client-certificate-data or client-key-data isn't base64"
    if isinstance(error, ssl.SSLError):
        return f"a certificate or key can't be read: {error.reason or error}"
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error)


def _apply(configuration: kubernetes.client.Configuration, tls: ssl.SSLContext) -> None:
    if configuration.ssl_ca_cert:
        tls.load_verify_locations(cafile=configuration.ssl_ca_cert)
    if configuration.cert_file:
        tls.load_cert_chain(configuration.cert_file, configuration.key_file)
    if configuration.verify_ssl:
        tls.verify_mode = ssl.CERT_REQUIRED
        tls.check_hostname = True
    else:
        tls.check_hostname = False
        tls.verify_mode = ssl.CERT_NONE


def _server(text: str) -> URL:
    """Return the apiserver's URL. Raise ValueError for another text."""
    try:
        server = URL(text)
    except ValueError:
        server = URL()
    # A password with special characters of URLs makes the URL invalid.
    is_cut = server.query_string or server.fragment or "@" in server.path
    if server.scheme not in ("http", "https") or not server.host or is_cut:
        shown, encoded = text, ""
        if "@" in text:
            shown = re.sub(r"^(\w*://)?.*@", r"\1", text, flags=re.DOTALL)
            encoded = ", with its user and password percent-encoded"
        raise ValueError(f"the cluster's server {shown!a} is no http:// or https:// address{encoded}")
    return server


def _proxy(text: object) -> str:
    """Return a proxy's URL.

    Raise TypeError unless it is a text, and ValueError unless it is an HTTP proxy.
    """
    if not isinstance(text, str):
        raise TypeError
    url = text if "://" in text else f"http://{text}"
    try:
        proxy = URL(url)
    except ValueError:
        proxy = URL()
    if proxy.scheme not in ("http", "https") or not proxy.host:
        # Without its user and password.
        name = f" {proxy.scheme}://{proxy.host}" if proxy.host else ""
        raise ValueError(f"the proxy{name} is no http:// or https:// address")
    return url


def _basic(server: URL) -> str | None:
    """Return the Authorization header for the user in a server's URL. A token takes precedence."""
    if server.user is None:
        return None
    return aiohttp.encode_basic_auth(server.user, server.password or "", encoding="utf-8")
