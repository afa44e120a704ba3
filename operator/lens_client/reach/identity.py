"""The credentials of a kubeconfig's user for the apiserver: a token, a certificate or a password."""

import os
import ssl
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from urllib.parse import quote

from lens_client.exits import CommandError
from lens_client.reach import exec_plugin
from lens_client.reach.exec_plugin import ExecCredentials
from lens_client.reach.kubeconfig.entries import Cluster, User
from lens_client.transport import tls
from lens_client.transport.endpoint import Endpoint

_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class Identity:
    """A user of a cluster. Its exec plugin runs when the first of its credentials is needed."""

    def __init__(self, user: User, cluster: Cluster, environ: Mapping[str, str], endpoint: Endpoint) -> None:
        self.user, self.cluster, self._environ = user, cluster, environ
        self._sends_token = endpoint.scheme == "https" or endpoint.host in _LOOPBACK

    @cached_property
    def _plugin(self) -> ExecCredentials:
        # client-go asks the plugin only where the kubeconfig has nothing else.
        if self.user.exec is None or self.user.token or self.user.token_file:
            return ExecCredentials(None, None, None)
        return exec_plugin.run(self.user, self.cluster, self._environ)

    @property
    def token(self) -> str | None:
        """Return the bearer token; None without one. Raise CommandError."""
        if self.user.token_file is not None:
            try:
                with open(self.user.token_file) as file:
                    token = file.read().strip()
            except (OSError, UnicodeError):
                token = ""
            if token:
                return token
            if not self.user.token:
                raise CommandError(f"the kubeconfig's tokenFile {self.user.token_file} has no token")
        return self.user.token or self._plugin.token

    def renew(self) -> bool:
        """Run the exec plugin again for the next request. Return whether there is one."""
        self.__dict__.pop("_plugin", None)
        return self.user.exec is not None

    @property
    def is_impersonating(self) -> bool:
        """Return whether it impersonates another user, whose token it doesn't have."""
        return self.user.impersonated is not None

    @property
    def has_certificate(self) -> bool:
        """Return whether it has a client certificate."""
        user = self.user
        return bool(user.certificate_file or user.certificate_data or self._plugin.certificate)

    @property
    def who(self) -> str:
        """Return its name for messages."""
        impersonated = self.user.impersonated
        name = f"the kubeconfig's user {self.user.name!a}" if self.user.name else "an anonymous user"
        return f"{name} as {impersonated.user!a}" if impersonated else name

    @property
    def described(self) -> str:
        """Return a description of the credentials that a 401 refuses."""
        user = self.user.name or "(none)"
        if self.user.token_file or self.user.token:
            return f"the token of the kubeconfig's user {user!a}: it has expired, or isn't valid"
        if self._plugin.token:
            return f"the token that {self.user.exec['command'] if self.user.exec else ''} hands out"
        if self.has_certificate:
            return f"the client certificate of the kubeconfig's user {user!a}: it has expired, or isn't valid"
        if self.user.username:
            return f"the password of the kubeconfig's user {user!a}"
        return f"requests of the kubeconfig's user {user!a}, which has no token and no certificate"

    def headers(self) -> list[tuple[str, str]]:
        """Return the header fields that authenticate the user. Raise CommandError."""
        headers: list[tuple[str, str]] = []
        # As kubectl: a token must not cross a network in plain text.
        token = self.token if self._sends_token else None
        if token is not None:
            headers.append(("Authorization", f"Bearer {token}"))
        elif self.user.username is not None and self._sends_token:
            pair = f"{self.user.username}:{self.user.password or ''}".encode()
            headers.append(("Authorization", f"Basic {b64encode(pair).decode()}"))
        impersonated = self.user.impersonated
        if impersonated is not None:
            headers.append(("Impersonate-User", impersonated.user))
            headers += [("Impersonate-Group", group) for group in impersonated.groups]
            if impersonated.uid is not None:
                headers.append(("Impersonate-Uid", impersonated.uid))
            for key, values in impersonated.extra:
                headers += [(f"Impersonate-Extra-{quote(key.lower(), safe='')}", value) for value in values]
        return headers

    def tls(self, endpoint: Endpoint) -> ssl.SSLContext | None:
        """Return the TLS context; None for plain HTTP. Raise CommandError."""
        if endpoint.scheme != "https":
            return None
        cluster, user = self.cluster, self.user
        context = tls.context(
            ca_file=None if cluster.ca_data else cluster.ca_file,
            ca_data=_decoded(cluster.ca_data, "certificate-authority-data"),
            insecure=cluster.insecure,
        )
        certificate = _decoded(user.certificate_data, "client-certificate-data") or self._plugin.certificate
        key = _decoded(user.key_data, "client-key-data") or self._plugin.key
        if not certificate and not user.certificate_file:
            return context
        with (
            _file(certificate, user.certificate_file) as certificate_file,
            _file(key, user.key_file) as key_file,
        ):
            tls.load_certificate(context, certificate_file, key_file)
        return context


def _decoded(data: str | None, name: str) -> str | None:
    if data is None:
        return None
    try:
        decoded = b64decode("".join(data.split()), validate=True).decode()
    except ValueError:
        decoded = ""
    if not decoded:
        # Without it the system's CAs would be trusted.
        raise CommandError(f"the kubeconfig's {name} is no PEM in base64")
    return decoded


@contextmanager
def _file(content: str | None, path: str | None) -> Iterator[str | None]:
    """Yield a file with this content, since OpenSSL loads keys only from files; without content, ``path``."""
    if content is None:
        yield path
        return
    if hasattr(os, "memfd_create"):
        # The file is in no folder, so no key is left behind.
        descriptor = os.memfd_create("lens", os.MFD_CLOEXEC)
        try:
            os.write(descriptor, content.encode())
            yield f"/proc/self/fd/{descriptor}"
        finally:
            os.close(descriptor)
        return
    import tempfile

    with tempfile.NamedTemporaryFile() as file:
        file.write(content.encode())
        file.flush()
        yield file.name
