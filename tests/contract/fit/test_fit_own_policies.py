"""Policies that a manifest brings with its pods count in ``fit``, as ``kubectl apply`` creates them too."""

import json
from typing import Any

import msgspec
import pytest

from lens.model.fit.admission.policies import quota_decoder
from tests.contract.conftest import NOW, Serve
from tests.contract.fit.fit_requests import containers, meta, post, read
from tests.contract.kubernetes import NO_POLICIES, Cluster, node

NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "new"}}
NO_GPUS = {"requests.nvidia.com/gpu": "0"}


def document(kind: str, api_version: str = "v1", /, **fields: Any) -> dict[str, Any]:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": "own"}, **fields}


def manifest(*documents: dict[str, Any], namespace: str = "new", **spec: Any) -> str:
    pod = document("Pod", metadata={"name": "p", "namespace": namespace}, spec=containers(**spec))
    return "\n---\n".join(map(json.dumps, (*documents, pod)))


@pytest.mark.parametrize(
    ("body", "fits"),
    [
        (manifest(), "no"),
        (manifest(NAMESPACE), "yes"),
        (manifest(NAMESPACE, document("ResourceQuota", spec={"hard": NO_GPUS})), "no"),
        (
            manifest(
                {
                    **NAMESPACE,
                    "metadata": {"name": "new", "annotations": {"openshift.io/node-selector": "a=b"}},
                }
            ),
            "no",
        ),
        (
            manifest(
                NAMESPACE, document("LimitRange", spec={"limits": [{"type": "Pod", "max": {"cpu": 1}}]})
            ),
            "no",
        ),
        (manifest(namespace="team-a", priorityClassName="own"), "no"),
        (
            manifest(
                document("PriorityClass", "scheduling.k8s.io/v1", value=7),
                document("RuntimeClass", "node.k8s.io/v1", handler="nvidia"),
                namespace="team-a",
                priorityClassName="own",
                runtimeClassName="own",
            ),
            "yes",
        ),
    ],
)
async def test_pods_come_with_their_namespace_classes_and_limits(
    cluster: Cluster, serve: Serve, body: str, fits: str
) -> None:
    cluster.add(node("n1"))
    cluster.publish(NOW)
    data = (await post(await serve(), body)).data
    assert (data["fits"], data["complete"]) == (fits, True)


async def test_what_is_used_of_a_manifests_quota_is_what_the_cluster_says(
    cluster: Cluster, serve: Serve
) -> None:
    cluster.add(node("n1"))
    hard = {"requests.nvidia.com/gpu": "2"}
    known = {"metadata": meta("known"), "status": {"hard": hard, "used": hard}}
    quotas = read(quota_decoder(), known)
    cluster.publish(NOW, policies=msgspec.structs.replace(NO_POLICIES, quotas=quotas))
    api = await serve()
    for name, most, fits, complete in (
        ("known", "2", "no", True),
        ("known", "3", "yes", True),
        ("new", "9", "yes", False),
    ):
        own = document(
            "ResourceQuota", metadata={"name": name}, spec={"hard": {"requests.nvidia.com/gpu": most}}
        )
        known_too = (
            []
            if name == "known"
            else [document("ResourceQuota", metadata={"name": "known"}, spec={"hard": {}})]
        )
        data = (await post(api, manifest(own, *known_too, namespace="team-a"))).data
        assert (data["fits"], data["complete"]) == (fits, complete)


async def test_the_pods_of_a_list_and_of_a_stream_of_json_are_read(cluster: Cluster, serve: Serve) -> None:
    cluster.add(node("n1"))
    cluster.publish(NOW)
    pods = [document("Pod", spec=containers()) for _ in range(2)]
    body = json.dumps({"apiVersion": "v1", "kind": "PodList", "items": pods})
    api = await serve()
    assert (await post(api, body)).data["placed"] == 2
    # As `jq .items[]` writes them.
    assert (await post(api, "\n".join(json.dumps(each, indent="\t") for each in pods))).data["placed"] == 2


async def test_documents_of_a_large_chart_are_read(cluster: Cluster, serve: Serve) -> None:
    cluster.add(node("n1"))
    cluster.publish(NOW)
    api = await serve()
    config = document("ConfigMap")
    assert (await post(api, manifest(*[config] * 100, namespace="team-a"))).data["fits"] == "yes"
    assert (await post(api, "kind: X\n---\n" * 513)).error == (
        400,
        4000,
        "Invalid manifest: it has more than 512 documents",
    )
