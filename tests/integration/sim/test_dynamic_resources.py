"""The simulated apiserver serves resource.k8s.io in the versions that a test chooses, as it runs."""

import asyncio
from typing import Any

import aiohttp
import pytest

from lens_sim.apiserver.apiserver import SimApiServer
from lens_sim.objects.resources import (
    DEVICE_CLASSES,
    DEVICE_TAINT_RULES,
    PODS,
    RESOURCE_CLAIMS,
    RESOURCE_SLICES,
    Object,
)
from lens_sim.objects.store import Store
from tests.integration.sim.conftest import Kubectl
from tests.integration.sim.manifests import NOW, add_pods
from tests.integration.sim.test_lists import names, read, refused
from tests.integration.sim.test_watches import watching

GROUP = "/apis/resource.k8s.io"
REQUEST = {"name": "gpu", "exactly": {"deviceClassName": "gpu.nvidia.com", "count": 2}}
DEVICE = {
    "name": "gpu-0",
    "attributes": {"uuid": {"string": "GPU-0"}},
    "capacity": {"memory": {"value": "80Gi"}},
}


def claim(name: str, **status: Any) -> Object:
    metadata = {"name": name, "namespace": "ns"}
    return {"metadata": metadata, "spec": {"devices": {"requests": [REQUEST]}}, "status": status}


def resource_slice(name: str, node: str = "n") -> Object:
    pool = {"name": node, "generation": 1, "resourceSliceCount": 1}
    spec = {"driver": "gpu.nvidia.com", "nodeName": node, "pool": pool, "devices": [DEVICE]}
    return {"metadata": {"name": name}, "spec": spec}


def put_claims(store: Store, *names: str) -> None:
    for name in names:
        store.put(RESOURCE_CLAIMS, claim(name), NOW)


async def versions(client: aiohttp.ClientSession) -> list[str]:
    groups = {group["name"]: group for group in (await read(client, "/apis"))["groups"]}
    if "resource.k8s.io" not in groups:
        return []
    found = [version["version"] for version in groups["resource.k8s.io"]["versions"]]
    assert groups["resource.k8s.io"]["preferredVersion"]["version"] == found[0]
    assert (await read(client, GROUP))["versions"] == groups["resource.k8s.io"]["versions"]
    return found


async def resources(client: aiohttp.ClientSession, version: str) -> set[str]:
    body = await read(client, f"{GROUP}/{version}")
    assert body["groupVersion"] == f"resource.k8s.io/{version}"
    return {resource["name"] for resource in body["resources"]}


async def test_the_group_is_not_there_until_it_is_served(
    server: SimApiServer, client: aiohttp.ClientSession
) -> None:
    for path in (GROUP, f"{GROUP}/v1", f"{GROUP}/v1/resourceclaims"):
        assert (await refused(client, path))["code"] == 404
    assert await versions(client) == []
    server.serve("v1beta1", "v1")
    assert await versions(client) == ["v1", "v1beta1"]
    assert await resources(client, "v1") == {
        "resourceclaims",
        "resourceclaimtemplates",
        "resourceslices",
        "deviceclasses",
        "devicetaintrules",
    }
    assert (await refused(client, f"{GROUP}/v1beta2/resourceclaims"))["code"] == 404
    server.serve()
    assert await versions(client) == []


async def test_each_resource_has_versions_of_its_own(
    server: SimApiServer, client: aiohttp.ClientSession
) -> None:
    """As in Kubernetes 1.36: the rest is v1, DeviceTaintRules are v1beta2."""
    server.serve("v1", resources=[RESOURCE_CLAIMS, RESOURCE_SLICES, DEVICE_CLASSES])
    server.serve("v1beta2", "v1alpha3", resources=[DEVICE_TAINT_RULES])
    assert await versions(client) == ["v1", "v1beta2", "v1alpha3"]
    assert await resources(client, "v1") == {"resourceclaims", "resourceslices", "deviceclasses"}
    assert await resources(client, "v1alpha3") == {"devicetaintrules"}
    assert (await read(client, f"{GROUP}/v1beta2/devicetaintrules"))["kind"] == "DeviceTaintRuleList"


@pytest.mark.parametrize("version", ["v1", "v1beta2"])
async def test_the_stored_form_is_that_of_v1(
    store: Store, server: SimApiServer, client: aiohttp.ClientSession, version: str
) -> None:
    server.serve(version)
    put_claims(store, "a")
    store.put(RESOURCE_SLICES, resource_slice("s"), NOW)
    found = await read(client, f"{GROUP}/{version}/namespaces/ns/resourceclaims/a")
    assert (found["kind"], found["apiVersion"]) == ("ResourceClaim", f"resource.k8s.io/{version}")
    assert found["spec"]["devices"]["requests"] == [REQUEST]
    (listed,) = (await read(client, f"{GROUP}/{version}/resourceslices"))["items"]
    assert listed["spec"]["devices"] == [DEVICE]


@pytest.mark.parametrize(("version", "memory"), [("v1beta1", {"value": "80Gi"}), ("v1alpha3", "80Gi")])
async def test_older_versions_have_flat_requests_and_basic_devices(
    store: Store, server: SimApiServer, client: aiohttp.ClientSession, version: str, memory: object
) -> None:
    server.serve(version)
    put_claims(store, "a")
    store.put(RESOURCE_SLICES, resource_slice("s"), NOW)
    page = await read(client, f"{GROUP}/{version}/resourceclaims")
    assert (page["kind"], page["apiVersion"]) == ("ResourceClaimList", f"resource.k8s.io/{version}")
    flat = {"name": "gpu", "deviceClassName": "gpu.nvidia.com", "count": 2}
    assert page["items"][0]["spec"]["devices"]["requests"] == [flat]
    async with watching(client, f"{GROUP}/{version}/resourceslices") as lines:
        _, obj = await lines.next()
        assert obj["apiVersion"] == f"resource.k8s.io/{version}"
        basic = {"attributes": DEVICE["attributes"], "capacity": {"memory": memory}}
        assert obj["spec"]["devices"] == [{"name": "gpu-0", "basic": basic}]


async def test_what_follows_a_version_that_goes_is_cut_and_what_stays_goes_on(
    store: Store, server: SimApiServer, client: aiohttp.ClientSession
) -> None:
    server.serve("v1", "v1beta1")
    async with (
        watching(client, f"{GROUP}/v1/resourceclaims") as stays,
        watching(client, f"{GROUP}/v1beta1/resourceclaims") as goes,
        watching(client, "/api/v1/pods") as pods,
        asyncio.timeout(10),
    ):
        put_claims(store, "a")
        assert await goes.seen() == await stays.seen() == ("ADDED", "a")
        server.serve("v1")
        with pytest.raises(aiohttp.ClientError):
            await goes.next()
        put_claims(store, "b")
        add_pods(store, "p")
        assert await stays.seen() == ("ADDED", "b")
        assert await pods.seen() == ("ADDED", "p")


async def test_slices_are_selected_by_node_and_driver_and_claims_by_namespace(
    store: Store, server: SimApiServer, client: aiohttp.ClientSession
) -> None:
    server.serve("v1beta1")
    for node in ("m", "n"):
        store.put(RESOURCE_SLICES, resource_slice(f"{node}-slice", node), NOW)
    put_claims(store, "a")
    path = f"{GROUP}/v1beta1/resourceslices"
    assert names(await read(client, path, fieldSelector="spec.nodeName=m")) == ["m-slice"]
    assert names(await read(client, path, fieldSelector="spec.driver=gpu.amd.com")) == []
    assert names(await read(client, f"{GROUP}/v1beta1/namespaces/other/resourceclaims")) == []
    assert names(await read(client, f"{GROUP}/v1beta1/namespaces/ns/resourceclaims", limit="1")) == ["a"]


async def test_a_resource_can_be_forbidden_as_rbac_does(
    store: Store, server: SimApiServer, client: aiohttp.ClientSession
) -> None:
    server.serve("v1")
    put_claims(store, "a")
    path = f"{GROUP}/v1/resourceclaims"
    async with watching(client, path) as lines, asyncio.timeout(10):
        assert await lines.seen() == ("ADDED", "a")
        server.forbid(RESOURCE_CLAIMS, ["list", "watch"])
        status = await refused(client, path)
        assert (status["code"], status["reason"]) == (403, "Forbidden")
        assert status["message"] == (
            'resourceclaims.resource.k8s.io is forbidden: User "system:serviceaccount:lens:lens" cannot list '
            'resource "resourceclaims" in API group "resource.k8s.io" at the cluster scope'
        )
        assert "cannot watch" in (await refused(client, path, watch="true"))["message"]
        alone = f"{GROUP}/v1/namespaces/ns/resourceclaims/a"
        assert (await read(client, alone))["metadata"]["name"] == "a"
        server.forbid(RESOURCE_CLAIMS)
        assert '"a" is forbidden' in (await refused(client, alone))["message"]
        assert 'in the namespace "ns"' in (await refused(client, alone))["message"]
        put_claims(store, "b")
        assert await lines.seen() == ("ADDED", "b")
    assert names(await read(client, f"{GROUP}/v1/resourceslices")) == []
    server.permit(RESOURCE_CLAIMS)
    assert names(await read(client, path)) == ["a", "b"]


async def test_any_resource_can_be_forbidden(
    store: Store, server: SimApiServer, client: aiohttp.ClientSession
) -> None:
    add_pods(store, "a")
    server.forbid(PODS)
    assert "pods is forbidden" in (await refused(client, "/api/v1/namespaces/ns/pods"))["message"]


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
async def test_kubectl_lists_claims_and_slices(
    store: Store, server: SimApiServer, kubectl: Kubectl, version: str
) -> None:
    server.serve(version)
    put_claims(store, "waits")
    store.put(RESOURCE_CLAIMS, claim("held", allocation={}), NOW)
    store.put(RESOURCE_CLAIMS, claim("used", allocation={}, reservedFor=[{"name": "p"}]), NOW)
    store.put(RESOURCE_SLICES, resource_slice("s", "m"), NOW)
    store.put(DEVICE_CLASSES, {"metadata": {"name": "gpu.nvidia.com"}, "spec": {}}, NOW)
    lines = [line.split() for line in (await kubectl("get", "resourceclaims", "-A")).splitlines()]
    assert lines[0] == ["NAMESPACE", "NAME", "STATE", "AGE"]
    assert [line[1:3] for line in lines[1:]] == [
        ["held", "allocated"],
        ["used", "allocated,reserved"],
        ["waits", "pending"],
    ]
    slices = (await kubectl("get", "resourceslices")).splitlines()
    assert slices[0].split() == ["NAME", "NODE", "DRIVER", "POOL", "AGE"]
    assert slices[1].split()[:4] == ["s", "m", "gpu.nvidia.com", "m"]
    assert "gpu.nvidia.com" in await kubectl("get", "deviceclasses")
    found = await kubectl("get", "resourceclaims", "-n", "ns", "waits", "-o", "jsonpath={.apiVersion}")
    assert found == f"resource.k8s.io/{version}"
