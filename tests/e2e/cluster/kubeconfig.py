"""Read and write the little of a kubeconfig that tests need."""

import base64
import os
import ssl
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml


class KubeconfigError(Exception):
    """A kubeconfig lacks a field, or has a credential of a kind that these tests don't read."""


@dataclass(frozen=True)
class Access:
    """How to reach an apiserver: URL, CA in PEM, and a token or a client certificate and key in PEM."""

    server: str
    ca: str | None = None
    token: str | None = None
    client_certificate: tuple[str, str] | None = None

    def ssl_context(self) -> ssl.SSLContext:
        """Return a context that verifies the server by the CA and presents the client certificate, if any."""
        context = ssl.create_default_context(cadata=self.ca)
        if self.client_certificate is not None:
            with tempfile.NamedTemporaryFile(
                "w", suffix=".pem"
            ) as pem:  # ssl reads key pairs from files only
                pem.write("\n".join(self.client_certificate))
                pem.flush()
                context.load_cert_chain(pem.name)
        return context


def read(path: Path) -> Access:
    """Read the current context. Raise KubeconfigError that names what is missing."""
    document = yaml.safe_load(path.read_text())
    try:
        context = _named(document, "contexts", document["current-context"])["context"]
        cluster = _named(document, "clusters", context["cluster"])["cluster"]
        user = _named(document, "users", context["user"])["user"]
        server = str(cluster["server"])
    except (KeyError, TypeError) as error:
        raise KubeconfigError(f"{path}: {error} is missing") from error
    token = user.get("token")
    if token is None and "tokenFile" in user:
        token = (path.parent / user["tokenFile"]).read_text().strip()
    certificate = _pem(user, "client-certificate", path)
    key = _pem(user, "client-key", path)
    if token is None and (certificate is None or key is None):
        raise KubeconfigError(
            f"{path}: user {context['user']!r} has neither a token nor a client certificate"
        )
    return Access(
        server=server,
        ca=_pem(cluster, "certificate-authority", path),
        token=token,
        client_certificate=(certificate, key) if certificate is not None and key is not None else None,
    )


def write(
    path: Path, server: str, ca: str | None, *, token: str | None = None, token_file: Path | None = None
) -> None:
    """Write a kubeconfig, readable by its owner only, whose user has `token` or the one in `token_file`."""
    user = {"token": token} if token_file is None else {"tokenFile": str(token_file.resolve())}
    cluster = {"server": server}
    if ca is not None:
        cluster["certificate-authority-data"] = base64.b64encode(ca.encode()).decode()
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "lens",
        "contexts": [{"name": "lens", "context": {"cluster": "lens", "user": "lens"}}],
        "clusters": [{"name": "lens", "cluster": cluster}],
        "users": [{"name": "lens", "user": user}],
    }
    write_private(path, yaml.safe_dump(document, sort_keys=False))


def write_private(path: Path, text: str) -> None:
    """Write or replace, in one step, a file that only its owner can read."""
    new = path.with_name(f".{path.name}.new")
    with open(new, "w", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(text)
    new.replace(path)


def _named(document: dict[str, Any], section: str, name: str) -> dict[str, Any]:
    for entry in document[section]:
        if entry["name"] == name:
            return dict(entry)
    raise KeyError(f"{section}[{name}]")


def _pem(section: dict[str, str], field: str, kubeconfig: Path) -> str | None:
    """Return a PEM given inline as `<field>-data` or as a file, relative to the kubeconfig."""
    if data := section.get(f"{field}-data"):
        return base64.b64decode(data).decode()
    if name := section.get(field):
        return (kubeconfig.parent / name).read_text()
    return None
