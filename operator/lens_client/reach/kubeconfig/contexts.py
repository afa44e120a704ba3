"""The contexts of a kubeconfig: an apiserver, a user and a namespace.

A pod without a kubeconfig has one context: its apiserver, with its ServiceAccount.
"""

import os
from collections.abc import Mapping
from typing import NamedTuple

from lens_client.exits import CommandError
from lens_client.reach.kubeconfig.entries import Cluster, User, read_cluster, read_text, read_user
from lens_client.reach.kubeconfig.files import MergedFiles, fail, paths

SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
"""The folder in which the kubelet mounts a pod's service account."""


class Context(NamedTuple):
    """A context of a kubeconfig."""

    name: str
    cluster: Cluster
    user: User
    namespace: str


def load(path: str | None, context: str | None, environ: Mapping[str, str]) -> Context:
    """Return a context, by default the current one; ``path`` is --kubeconfig. Raise CommandError."""
    files = paths(path, environ)
    if not files:
        inside = _in_cluster(environ)
        if inside is not None and context is None:
            return inside
        where = environ.get("KUBECONFIG") or "~/.kube/config"
        raise CommandError(
            f"there is no kubeconfig ({where}): name one with --kubeconfig, or Lens' address with --server"
        )
    merged = MergedFiles(files)
    name = context or merged.current
    if not name:
        fail(files[0], "has no current-context: name one with --context")
    chosen = merged.entry("contexts", name, "--context" if context else "current-context")
    cluster_name, user_name = read_text(chosen, "cluster", name), read_text(chosen, "user", name)
    if cluster_name is None:
        raise CommandError(f"the kubeconfig's context {name!a} names no cluster")
    cluster = merged.entry("clusters", cluster_name, f"context {name!a}")
    user = merged.entry("users", user_name, f"context {name!a}") if user_name else {}
    return Context(
        name,
        read_cluster(cluster_name, cluster),
        read_user(user_name or "", user),
        read_text(chosen, "namespace", name) or "default",
    )


def names(path: str | None, environ: Mapping[str, str]) -> list[str]:
    """Return the names of all contexts. Raise CommandError."""
    return list(MergedFiles(paths(path, environ)).entries["contexts"])


def _in_cluster(environ: Mapping[str, str]) -> Context | None:
    """Return the context of a pod (client-go, rest.InClusterConfig); None outside of a pod."""
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
    return Context("in-cluster", cluster, user, namespace)
