"""Which pod of a cluster is a Lens."""

import os
from collections.abc import Mapping
from typing import Any, NamedTuple

from lens_client.exits import CommandError
from lens_client.reach.apiserver import ApiServer, KubernetesError
from lens_client.transport.endpoint import path

LABELS = "app.kubernetes.io/part-of=lens,app.kubernetes.io/component=operator"
"""The labels that the chart and the manifests give the operator's pods."""

DEFAULT_NAMESPACE = "lens"
"""The namespace that the docs install Lens in."""


class LensPod(NamedTuple):
    """A ready pod. ``cluster`` is the name of the cluster that it watches; None if the pod doesn't say it."""

    namespace: str
    name: str
    release: str
    account: str
    scheme: str
    port: int
    cluster: str | None


def find(apiserver: ApiServer, chosen: str | None) -> list[LensPod]:
    """Return the ready pods of one Lens, one of them at random first. Raise CommandError.

    ``chosen`` is --lens-namespace: a namespace, or namespace/release where it has several.
    """
    namespace, _, release = (chosen or "").partition("/")
    items = _list(apiserver, namespace) if namespace else _search(apiserver)
    pods = [pod for pod in items if not release or _label(pod, "instance") == release]
    if not pods:
        where = f"namespace {namespace}" if namespace else "this cluster"
        raise CommandError(
            f"there is no Lens in {where} ({LABELS}): install it, or name its address with --server"
        )
    ready = [_pod(pod) for pod in pods if _is_ready(pod)]
    if not ready:
        first = pods[0]["metadata"]
        raise CommandError(
            f"Lens in namespace {first['namespace']} isn't ready: "
            f"see kubectl -n {first['namespace']} get pods -l {LABELS}"
        )
    releases = sorted({f"{pod.namespace}/{pod.release}" for pod in ready})
    if len(releases) > 1:
        raise CommandError(
            f"there are several Lenses ({', '.join(releases)}): choose one with --lens-namespace"
        )
    if not namespace:
        _check(apiserver, ready[0])
    first_index = os.getpid() % len(ready)
    return ready[first_index:] + ready[:first_index]


def _search(apiserver: ApiServer) -> list[Any]:
    """Return the pods in all namespaces, or in the docs' one if that is all that may be read."""
    try:
        return _list(apiserver, "")
    except KubernetesError as error:
        if error.code != 403:
            raise
        refusal = error
    try:
        found = _list(apiserver, DEFAULT_NAMESPACE)
    except KubernetesError as error:
        if error.code != 403:
            raise
        found = []
    if not found:
        raise CommandError(
            f"{refusal}: name Lens' namespace with --lens-namespace, or its address with --server"
        ) from None
    return found


def _list(apiserver: ApiServer, namespace: str) -> list[Any]:
    target = path("api", "v1", *(("namespaces", namespace) if namespace else ()), "pods")
    where = f"in namespace {namespace}" if namespace else "in all namespaces"
    # From the apiserver's cache, however old: a request to a pod that is gone fails.
    found = apiserver.get(target, {"labelSelector": LABELS, "resourceVersion": "0"}, f"list pods {where}")
    items = found.get("items")
    if not isinstance(items, list):
        raise CommandError(f"{apiserver.endpoint.url} is no apiserver: its list of pods has no items")
    return items


def _check(apiserver: ApiServer, pod: LensPod) -> None:
    """Make sure that a pod is a Lens before it gets a token. Raise CommandError.

    Anybody who may create pods may give them the labels. Only an administrator lets a ServiceAccount review
    tokens, as Lens has to.
    """
    account = f"system:serviceaccount:{pod.namespace}:{pod.account}"
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {
            "user": account,
            "groups": [
                "system:serviceaccounts",
                f"system:serviceaccounts:{pod.namespace}",
                "system:authenticated",
            ],
            "resourceAttributes": {
                "group": "authentication.k8s.io",
                "resource": "tokenreviews",
                "verb": "create",
            },
        },
    }
    try:
        answer = apiserver.create(
            "/apis/authorization.k8s.io/v1/subjectaccessreviews", review, "create subjectaccessreviews"
        )
        allowed = (answer.get("status") or {}).get("allowed") is True
        doubt = f"its ServiceAccount {pod.account} may not review tokens"
    except KubernetesError as error:
        if error.code != 403:
            raise
        allowed = pod.namespace == DEFAULT_NAMESPACE
        doubt = "you may not create subjectaccessreviews, which would tell"
    if not allowed:
        raise CommandError(
            f"pod {pod.namespace}/{pod.name} has the labels of a Lens, but may be somebody else's ({doubt}): "
            f"if you trust it with your token, say --lens-namespace {pod.namespace}"
        )


def _pod(pod: Mapping[str, Any]) -> LensPod:
    spec, metadata = pod["spec"], pod["metadata"]
    ports = [
        (str(port["name"]), int(port["containerPort"]))
        for container in spec.get("containers") or ()
        for port in container.get("ports") or ()
        if port.get("name") in ("http", "https")
    ]
    scheme, port = ports[0] if ports else ("http", 8080)
    return LensPod(
        metadata["namespace"],
        metadata["name"],
        _label(pod, "instance"),
        spec.get("serviceAccountName") or "default",
        scheme,
        port,
        _cluster(spec),
    )


def _cluster(spec: Mapping[str, Any]) -> str | None:
    """Return the name of the cluster by the pod's environment, which saves a request to Lens."""
    for container in spec.get("containers") or ():
        for variable in container.get("env") or ():
            if variable.get("name") == "LENS_CLUSTER" and variable.get("value"):
                return str(variable["value"])
    return None


def _label(pod: Mapping[str, Any], name: str) -> str:
    return str((pod["metadata"].get("labels") or {}).get(f"app.kubernetes.io/{name}", ""))


def _is_ready(pod: Mapping[str, Any]) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    is_ready = any(each.get("type") == "Ready" and each.get("status") == "True" for each in conditions)
    return is_ready and "deletionTimestamp" not in pod["metadata"]
