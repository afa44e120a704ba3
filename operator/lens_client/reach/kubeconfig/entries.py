"""The clusters and users of a kubeconfig, as client-go reads them (tools/clientcmd/api/v1)."""

from typing import Any, NamedTuple

from lens_client.exits import CommandError
from lens_client.reach.kubeconfig.files import Entry, scalar


class Cluster(NamedTuple):
    """The address of an apiserver, and how to trust it."""

    name: str
    server: str
    ca_file: str | None = None
    ca_data: str | None = None
    """PEM in base64, as all data of a kubeconfig."""
    insecure: bool = False
    server_name: str | None = None
    proxy: str | None = None
    exec_config: Any = None
    """The cluster's extension for exec plugins, which they get as it is."""


class User(NamedTuple):
    """A user's credentials. The first of ``token``, ``token_file``, ``exec`` and ``password`` counts."""

    name: str = ""
    token: str | None = None
    token_file: str | None = None
    certificate_file: str | None = None
    certificate_data: str | None = None
    key_file: str | None = None
    key_data: str | None = None
    username: str | None = None
    password: str | None = None
    impersonated: "Impersonated | None" = None
    exec: Entry | None = None
    exec_folder: str = ""
    """The folder at which a relative path of the plugin starts."""


class Impersonated(NamedTuple):
    """The user that requests impersonate (--as)."""

    user: str
    groups: tuple[str, ...] = ()
    uid: str | None = None
    extra: tuple[tuple[str, tuple[str, ...]], ...] = ()


def read_cluster(name: str, entry: Entry) -> Cluster:
    """Return a cluster. Raise CommandError, naming the field."""
    server = read_text(entry, "server", name)
    if server is None:
        raise CommandError(f"the kubeconfig's cluster {name!a} has no server")
    return Cluster(
        name,
        server,
        ca_file=read_text(entry, "certificate-authority", name),
        ca_data=read_text(entry, "certificate-authority-data", name),
        insecure=entry.get("insecure-skip-tls-verify") is True,
        server_name=read_text(entry, "tls-server-name", name),
        proxy=read_text(entry, "proxy-url", name),
        exec_config=next(
            (
                each.get("extension")
                for each in _list(entry, "extensions", name)
                if isinstance(each, dict) and each.get("name") == "client.authentication.k8s.io/exec"
            ),
            None,
        ),
    )


def read_user(name: str, entry: Entry) -> User:
    """Return a user. Raise CommandError, naming the field."""
    plugin = entry.get("exec")
    if plugin is not None and not isinstance(plugin, dict):
        raise CommandError(f"the kubeconfig's user {name!a}: exec has no fields")
    return User(
        name,
        token=read_text(entry, "token", name) or _id_token(name, entry),
        token_file=read_text(entry, "tokenFile", name),
        certificate_file=read_text(entry, "client-certificate", name),
        certificate_data=read_text(entry, "client-certificate-data", name),
        key_file=read_text(entry, "client-key", name),
        key_data=read_text(entry, "client-key-data", name),
        username=read_text(entry, "username", name),
        password=read_text(entry, "password", name),
        impersonated=_impersonated(name, entry),
        exec=plugin,
        exec_folder=str(entry.get("folder", "")),
    )


def _impersonated(name: str, entry: Entry) -> Impersonated | None:
    user = read_text(entry, "as", name)
    if user is None:
        return None
    extra = entry.get("as-user-extra") or {}
    if not isinstance(extra, dict):
        raise CommandError(f"the kubeconfig's {name!a}: as-user-extra has no fields")
    return Impersonated(
        user,
        tuple(map(str, _list(entry, "as-groups", name))),
        read_text(entry, "as-uid", name),
        tuple((str(key), tuple(map(str, _list(extra, key, name)))) for key in extra),
    )


def _id_token(name: str, entry: Entry) -> str | None:
    """Return the id token of the auth provider oidc. Raise CommandError for a provider without one."""
    provider = entry.get("auth-provider")
    if not isinstance(provider, dict):
        return None
    config = provider.get("config")
    token = config.get("id-token") if isinstance(config, dict) else None
    if provider.get("name") != "oidc" or not isinstance(token, str) or not token:
        raise CommandError(
            f"the kubeconfig's user {name!a}: auth-provider {provider.get('name')!a} has no id-token: "
            "log in with an exec plugin"
        )
    return token


def read_text(entry: Entry, key: str, name: str) -> str | None:
    """Return a field of the entry ``name``; None if it is missing or empty. Raise CommandError."""
    value = scalar(entry.get(key))
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise CommandError(f"the kubeconfig's {name!a}: {key} is no text")
    return value


def _list(entry: Entry, key: str, name: str) -> list[Any]:
    value = entry.get(key)
    if value is None:
        return []
    if not isinstance(value, list):
        raise CommandError(f"the kubeconfig's {name!a}: {key} is no list")
    return value
