"""The kubeconfig: the apiserver, and who asks it.

The rules are client-go's (tools/clientcmd): several files of KUBECONFIG are merged, the first that says
something counts, and relative paths start at the folder of their file. A pod without a kubeconfig has its
ServiceAccount.
"""

import datetime
import json
import os
from collections.abc import Mapping
from typing import Any, NamedTuple, NoReturn

from lens_client.exits import CommandError, UsageError

SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
"""The folder in which the kubelet mounts a pod's service account."""

MAX_FILE_BYTES = 16 * 2**20

_PATHS = {
    "clusters": ("certificate-authority",),
    "users": ("client-certificate", "client-key", "tokenFile"),
}

Entry = Mapping[str, Any]


class Cluster(NamedTuple):
    """How to get to an apiserver."""

    name: str
    server: str
    ca_file: str | None = None
    ca_data: str | None = None
    """In base64, as all data of a kubeconfig."""
    insecure: bool = False
    server_name: str | None = None
    proxy: str | None = None
    exec_config: Any = None
    """What exec plugins get of the cluster's extension for them."""


class User(NamedTuple):
    """Who asks. At most one of ``token``, ``token_file``, ``exec`` and ``password`` counts, in this order."""

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
    """Where a relative path of the plugin starts."""


class Impersonated(NamedTuple):
    """As whom the apiserver is asked."""

    user: str
    groups: tuple[str, ...] = ()
    uid: str | None = None
    extra: tuple[tuple[str, tuple[str, ...]], ...] = ()


class Kubeconfig(NamedTuple):
    """A context: cluster, user and namespace."""

    context: str
    cluster: Cluster
    user: User
    namespace: str


def load(path: str | None, context: str | None, environ: Mapping[str, str]) -> Kubeconfig:
    """Return the context that is meant; ``path`` is --kubeconfig. Raise CommandError."""
    files = _files(path, environ)
    if not files:
        inside = _in_cluster(environ)
        if inside is not None and context is None:
            return inside
        where = environ.get("KUBECONFIG") or "~/.kube/config"
        raise CommandError(
            f"there is no kubeconfig ({where}): name one with --kubeconfig, or Lens' address with --server"
        )
    merged = _Merged(files)
    name = context or merged.current
    if not name:
        _fail(files[0], "has no current-context: name one with --context")
    chosen = merged.entry("contexts", name, "--context" if context else "current-context")
    cluster_name, user_name = _text(chosen, "cluster", name), _text(chosen, "user", name)
    if cluster_name is None:
        raise CommandError(f"the kubeconfig's context {name!a} names no cluster")
    cluster = merged.entry("clusters", cluster_name, f"context {name!a}")
    user = merged.entry("users", user_name, f"context {name!a}") if user_name else {}
    return Kubeconfig(
        name,
        _cluster(cluster_name, cluster),
        _user(user_name or "", user),
        _text(chosen, "namespace", name) or "default",
    )


def contexts(path: str | None, environ: Mapping[str, str]) -> list[str]:
    """Return the names of all contexts. Raise CommandError."""
    return list(_Merged(_files(path, environ)).entries["contexts"])


def _files(path: str | None, environ: Mapping[str, str]) -> list[str]:
    if path is not None:
        if not os.path.isfile(path):
            raise UsageError(f"--kubeconfig: there is no file {path}")
        return [path]
    named = [each for each in environ.get("KUBECONFIG", "").split(os.pathsep) if each]
    if not named:
        named = [os.path.join(environ.get("HOME") or os.path.expanduser("~"), ".kube", "config")]
    return [each for each in named if os.path.isfile(each)]


class _Merged:
    """The entries of all files by kind and name, the first of a name."""

    def __init__(self, files: list[str]) -> None:
        self.current = ""
        self.entries: dict[str, dict[str, Entry]] = {"clusters": {}, "users": {}, "contexts": {}}
        for file in files:
            document, folder = _read(file), os.path.dirname(os.path.abspath(file))
            current = scalar(document.get("current-context"))
            if not self.current and isinstance(current, str):
                self.current = current
            for kind, found in self.entries.items():
                entries = document.get(kind) or []
                if not isinstance(entries, list):
                    _fail(file, f"{kind} is no list")
                for index, named in enumerate(entries):
                    name, entry = _named(file, kind, index, named)
                    for key in _PATHS.get(kind, ()):
                        if isinstance(entry.get(key), str) and entry[key]:
                            entry[key] = os.path.join(folder, entry[key])
                    if kind == "users":
                        entry["folder"] = folder
                    found.setdefault(name, entry)

    def entry(self, kind: str, name: str, source: str) -> Entry:
        """Return an entry. Raise CommandError."""
        found = self.entries[kind].get(name)
        if found is None:
            others = ", ".join(list(self.entries[kind])[:10]) or "none"
            raise CommandError(f"{source}: the kubeconfig has no {kind[:-1]} {name!a} ({kind}: {others})")
        return found


def _read(file: str) -> dict[str, Any]:
    try:
        with open(file, "rb") as opened:
            content = opened.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise CommandError(f"{file} can't be read: {error.strerror}") from None
    if len(content) > MAX_FILE_BYTES:
        _fail(file, f"has more than {MAX_FILE_BYTES} bytes")
    document = parse(content)
    if document is None:
        return {}
    if not isinstance(document, dict):
        _fail(file, "is no kubeconfig: it isn't YAML with fields")
    return document


def parse(content: bytes) -> Any:
    """Return what a file of JSON or YAML has; the text "…" for what is neither."""
    if content.lstrip()[:1] == b"{":
        # Every JSON document is YAML, and a YAML parser takes a hundred times as long.
        try:
            return json.loads(content)
        except (ValueError, RecursionError):
            pass
    import yaml

    try:
        return yaml.load(content, getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 both are safe
    except (yaml.YAMLError, ValueError, RecursionError):
        return "…"


def _named(file: str, kind: str, index: int, named: Any) -> tuple[str, dict[str, Any]]:
    where = f"{kind}[{index}]"
    name = scalar(named.get("name")) if isinstance(named, dict) else None
    if not isinstance(name, str):
        _fail(file, f"{where} has no name")
    entry = named.get(kind[:-1])
    if entry is not None and not isinstance(entry, dict):
        _fail(file, f"{where}.{kind[:-1]} has no fields")
    return name, dict(entry or {})


def scalar(value: Any) -> Any:
    """Return what kubectl reads where it wants a text: YAML takes names such as 2024 and on for no texts."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, (int, float, datetime.date)) else value


def _fail(file: str, problem: str) -> NoReturn:
    raise CommandError(f"{file}: {problem}")


def _cluster(name: str, entry: Entry) -> Cluster:
    server = _text(entry, "server", name)
    if server is None:
        raise CommandError(f"the kubeconfig's cluster {name!a} has no server")
    return Cluster(
        name,
        server,
        ca_file=_text(entry, "certificate-authority", name),
        ca_data=_text(entry, "certificate-authority-data", name),
        insecure=entry.get("insecure-skip-tls-verify") is True,
        server_name=_text(entry, "tls-server-name", name),
        proxy=_text(entry, "proxy-url", name),
        exec_config=next(
            (
                each.get("extension")
                for each in _list(entry, "extensions", name)
                if isinstance(each, dict) and each.get("name") == "client.authentication.k8s.io/exec"
            ),
            None,
        ),
    )


def _user(name: str, entry: Entry) -> User:
    plugin = entry.get("exec")
    if plugin is not None and not isinstance(plugin, dict):
        raise CommandError(f"the kubeconfig's user {name!a}: exec has no fields")
    return User(
        name,
        token=_text(entry, "token", name) or _id_token(name, entry),
        token_file=_text(entry, "tokenFile", name),
        certificate_file=_text(entry, "client-certificate", name),
        certificate_data=_text(entry, "client-certificate-data", name),
        key_file=_text(entry, "client-key", name),
        key_data=_text(entry, "client-key-data", name),
        username=_text(entry, "username", name),
        password=_text(entry, "password", name),
        impersonated=_impersonated(name, entry),
        exec=plugin,
        exec_folder=str(entry.get("folder", "")),
    )


def _impersonated(name: str, entry: Entry) -> Impersonated | None:
    user = _text(entry, "as", name)
    if user is None:
        return None
    extra = entry.get("as-user-extra") or {}
    if not isinstance(extra, dict):
        raise CommandError(f"the kubeconfig's {name!a}: as-user-extra has no fields")
    return Impersonated(
        user,
        tuple(map(str, _list(entry, "as-groups", name))),
        _text(entry, "as-uid", name),
        tuple((str(key), tuple(map(str, _list(extra, key, name)))) for key in extra),
    )


def _id_token(name: str, entry: Entry) -> str | None:
    """Return the token of kubectl's own OIDC login. Raise CommandError for a login that kubectl has lost."""
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


def _text(entry: Entry, key: str, name: str) -> str | None:
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


def _in_cluster(environ: Mapping[str, str]) -> Kubeconfig | None:
    host, port = environ.get("KUBERNETES_SERVICE_HOST"), environ.get("KUBERNETES_SERVICE_PORT", "443")
    if not host or not os.path.isfile(f"{SERVICE_ACCOUNT}/token"):
        return None
    authority = f"[{host}]" if ":" in host else host
    cluster = Cluster("in-cluster", f"https://{authority}:{port}", ca_file=f"{SERVICE_ACCOUNT}/ca.crt")
    try:
        with open(f"{SERVICE_ACCOUNT}/namespace") as file:
            namespace = file.read().strip()
    except OSError:
        namespace = "default"
    user = User("in-cluster", token_file=f"{SERVICE_ACCOUNT}/token")
    return Kubeconfig("in-cluster", cluster, user, namespace)
