"""The objects that a label selector selects. The apiserver lists them, since Lens' rows have no labels."""

from typing import Any

from lens_client.exits import CommandError
from lens_client.reach.apiserver import ApiServer
from lens_client.transport.endpoint import path

_METADATA = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1, application/json"


def labelled(apiserver: ApiServer, plural: str, selector: str, namespace: str | None) -> set[tuple[str, str]]:
    """Return namespace and name of each pod or node that a selector selects. Raise CommandError.

    The namespace of nodes is empty.
    """
    where = f"in namespace {namespace}" if namespace else "in all namespaces"
    target = path("api", "v1", *(("namespaces", namespace) if namespace else ()), plural)
    query = {"labelSelector": selector, "resourceVersion": "0"}
    found: Any = apiserver.get(target, query, f"list {plural} {where}", accept=_METADATA)
    if not isinstance(found.get("items"), list):
        raise CommandError(f"{apiserver.endpoint.url} is no apiserver: its list of {plural} has no items")
    metadata = [each["metadata"] for each in found["items"]]
    return {(each.get("namespace", ""), each["name"]) for each in metadata}
