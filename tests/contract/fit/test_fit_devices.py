"""``fit`` with dynamic resource allocation: a DeviceClass, claims and templates, quotas, pending pods."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from lens.model.fit.admission.policies import quota_decoder
from tests.contract.conftest import NOW, TOKEN, Api, Serve
from tests.contract.fit.fit_requests import FIT, ask, manifests, meta, read
from tests.contract.fit.fit_requests import post as posted
from tests.contract.fit.test_pending_fit import read as readings
from tests.contract.kubernetes import NO_POLICIES, Cluster, Manifest, node
from tests.contract.lists.test_pending_tasks import waiting
from tests.contract.peering import rights
from tests.unit.model.dra_manifests import (
    DRIVER,
    H100,
    claim,
    device,
    device_class,
    gpu,
    resource_slice,
    result,
)

DEVICES = [f"{DRIVER}/node-1/gpu-{number}" for number in range(4)]


@pytest.fixture
def devices(cluster: Cluster) -> Cluster:
    """Return a cluster with four GPUs on one node, one of them held, and two on another."""
    cluster.add(
        node("node-1", resource="example.com/none"),
        node("node-2", resource="example.com/none"),
        resource_slice(*map(gpu, range(4))),
        resource_slice(gpu(0), gpu(1), name="node-2-a", pool="node-2", node="node-2"),
        device_class(),
        claim(result("gpu-1"), name="held", namespace="other"),
    )
    cluster.publish(NOW)
    return cluster


async def post(api: Api, *documents: Manifest) -> dict[str, Any]:
    answer = await posted(api, yaml.safe_dump_all(documents).encode())
    assert answer.status == 200, answer.body
    data: dict[str, Any] = answer.data
    return data


def template(name: str = "gpus", kind: str = "ResourceClaimTemplate", **exactly: Any) -> Manifest:
    spec = {"devices": {"requests": [{"name": "gpus", "exactly": {"deviceClassName": DRIVER, **exactly}}]}}
    return {
        "apiVersion": "resource.k8s.io/v1",
        "kind": kind,
        "metadata": {"name": name, "resourceVersion": "1", "namespace": "default"},
        "spec": spec if kind == "ResourceClaim" else {"spec": spec},
    }


def deployment(replicas: int, *claims: Manifest) -> Manifest:
    spec = {"containers": [{"name": "main"}], "resourceClaims": list(claims)}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "train"},
        "spec": {"replicas": replicas, "template": {"spec": spec}},
    }


OF_TEMPLATE = {"name": "gpus", "resourceClaimTemplateName": "gpus"}


async def test_a_manifests_class_is_for_its_claims_and_resources(devices: Cluster, serve: Serve) -> None:
    api = await serve()
    own = device_class("own", extendedResourceName="example.com/gpu")
    pod = {"kind": "Pod", "spec": {"containers": [{"resources": {"limits": {"example.com/gpu": 3}}}]}}
    claimed = (template(deviceClassName="own", count=3), deployment(1, OF_TEMPLATE))
    assert [(await post(api, *each))["fits"] for each in ((pod,), claimed)] == ["no", "no"]
    assert [(await post(api, own, *each))["fits"] for each in ((pod,), claimed)] == ["yes", "yes"]


async def test_devices_of_a_class_are_found_and_named(devices: Cluster, serve: Serve) -> None:
    data = await ask(await serve(), f"&gpus=3&device_class={DRIVER}")
    assert (data["fits"], data["complete"], data["not_checked"]) == ("yes", True, [])
    assert (data["resource"], data["device_class"], data["max_replicas"]) == (None, DRIVER, 1)
    free = [DEVICES[0], DEVICES[2], DEVICES[3]]
    assert data["pods"][0]["placements"] == [{"node_name": "node-1", "replicas": 1, "devices": free}]


async def test_fewer_devices_and_another_class_are_what_would_fit(devices: Cluster, serve: Serve) -> None:
    devices.add(
        device_class("other", f'device.driver == "{DRIVER}"'),
        device_class("none", f'device.driver == "{DRIVER}" && false'),
        device_class("nic", 'device.driver == "nic.example.com"'),
    )
    devices.publish(NOW)
    api = await serve()
    data = await ask(api, f"&gpus=4&device_class={DRIVER}")
    assert data["nearest"] == [{"change": "gpus", "value": "3", "gpus": 3, "replicas": 1}]
    data = await ask(api, "&gpus=2&device_class=none")
    assert data["nearest"] == [
        {"change": "device_class", "value": DRIVER, "gpus": 2, "replicas": 1},
        {"change": "device_class", "value": "other", "gpus": 2, "replicas": 1},
    ]


async def test_who_sees_one_namespace_gets_no_classes(
    devices: Cluster, serve: Serve, tokens_file: Path
) -> None:
    _write_tokens(tokens_file)
    devices.add(device_class("team-b-gpus"), device_class("none", f'device.driver == "{DRIVER}" && false'))
    devices.publish(NOW)
    query = "&gpus=2&device_class=none&namespace=team-a"
    api = await serve()
    assert "team-b-gpus" in {each["value"] for each in (await ask(api, query))["nearest"]}
    answer = await api.ask(f"{FIT}{query}", token="t")
    assert answer.data["nearest"] == []
    assert answer.data["device_class"] == "none"
    assert b"team-b" not in answer.body
    # Nor is the one named that Lens has chosen.
    chosen = await ask(api, "&gpus=2&namespace=team-a")
    assert chosen["device_class"] is not None
    answer = await api.ask(f"{FIT}&gpus=2&namespace=team-a", token="t")
    assert answer.data["device_class"] is None
    assert b"team-b" not in answer.body


def _write_tokens(path: Path) -> None:
    path.write_text("tokens:\n" + rights(TOKEN) + rights("t", "namespaces: [team-a]"))


async def test_another_product_than_a_requests_selectors_choose_would_fit(
    devices: Cluster, serve: Serve
) -> None:
    l4 = device("gpu-9", {"productName": 'NVIDIA "L4"', "type": "gpu"})
    devices.add(resource_slice(l4, name="node-2-b", pool="more", node="node-2"))
    devices.publish(NOW)
    wanted = [{"cel": {"expression": f'device.attributes["{DRIVER}"].?productName.orValue("") == "H300"'}}]
    data = await post(await serve(), template(selectors=wanted), deployment(1, OF_TEMPLATE))
    assert data["fits"] == "no"
    assert data["nearest"] == [
        {"change": "product", "value": H100, "gpus": 1, "replicas": 1},
        {"change": "product", "value": 'NVIDIA "L4"', "gpus": 1, "replicas": 1},
    ]


async def test_a_product_of_two_drivers_is_named_once(devices: Cluster, serve: Serve) -> None:
    other = "gpu.example.com"
    own = resource_slice(gpu(9), name="other", driver=other, pool="other", node="node-2")
    devices.add(own, device_class("any", f'device.driver in ["{DRIVER}", "{other}"]'))
    devices.publish(NOW)
    wanted = [{"cel": {"expression": "false"}}]
    data = await post(
        await serve(), template(deviceClassName="any", selectors=wanted), deployment(1, OF_TEMPLATE)
    )
    assert [each["value"] for each in data["nearest"] if each["change"] == "product"] == [H100]


async def test_of_several_requests_the_one_that_would_have_to_change_is_named(
    devices: Cluster, serve: Serve
) -> None:
    exactly = {"deviceClassName": DRIVER}
    requests = [
        {"name": "one", "exactly": exactly},
        {"name": "many", "exactly": {**exactly, "count": 5}},
        {"name": "any", "firstAvailable": [{"name": "x", **exactly}]},
    ]
    made = template()
    made["spec"]["spec"]["devices"]["requests"] = requests[:2]
    data = await post(await serve(), made, deployment(1, OF_TEMPLATE))
    assert data["nearest"] == [{"change": "devices", "value": "gpus/many=2", "gpus": 3, "replicas": 1}]
    made["spec"]["spec"]["devices"]["requests"] = requests[::2]
    data = await post(await serve(), made, deployment(3, OF_TEMPLATE))
    assert [each["change"] for each in data["nearest"]] == ["replicas"]


async def test_a_claim_that_there_is_already_is_not_changed(devices: Cluster, serve: Serve) -> None:
    devices.add(claim(name="mine", namespace="default", count=9))
    devices.publish(NOW)
    named = {"name": "gpus", "resourceClaimName": "mine"}
    data = await post(await serve(), deployment(1, named))
    assert (data["fits"], data["nearest"]) == ("no", [])


async def test_a_quota_counts_the_changed_claims(devices: Cluster, serve: Serve) -> None:
    hard = {f"{DRIVER}.deviceclass.resource.k8s.io/devices": "2"}
    quota = {"metadata": meta("q", "default"), "spec": {"hard": hard}, "status": {"hard": hard}}
    devices.publish(NOW, policies=msgspec.structs.replace(NO_POLICIES, quotas=read(quota_decoder(), quota)))
    data = await post(await serve(), template(count=3), deployment(1, OF_TEMPLATE))
    assert data["fits"] == "no"
    assert data["nearest"] == [{"change": "gpus", "value": "2", "gpus": 2, "replicas": 1}]


async def test_a_jobset_and_a_rayjob_bring_their_claim_templates(devices: Cluster, serve: Serve) -> None:
    api = await serve()
    data = (await posted(api, manifests("jobset-claims.yaml"))).data
    assert data["fits"] == "yes"
    driver, workers = data["pods"]
    assert (driver["name"], driver["placed"]) == ("JobSet driver", 1)
    assert [len(each["devices"]) for each in workers["placements"]] == [2, 2]
    memory = {"capacity": {"memory": {"value": "80Gi"}}}
    with_memory = [gpu(number, **memory) for number in range(4)]
    devices.add(resource_slice(*with_memory[:2], name="node-2-a", pool="node-2", node="node-2"))
    devices.add(resource_slice(*with_memory))
    devices.publish(NOW)
    data = (await posted(api, manifests("rayjob-claims.yaml"))).data
    assert [(each["name"], each["placed"]) for each in data["pods"]] == [
        ("RayJob head", 1),
        ("RayJob gpu-group", 2),
    ]
    assert (data["fits"], data["not_checked"]) == ("yes", ["ray_submitter"])


async def test_without_a_class_or_a_resource_the_classes_of_gpus_are_tried(
    devices: Cluster, serve: Serve
) -> None:
    data = await ask(await serve(), "&gpus=2&replicas=2")
    assert (data["fits"], data["device_class"]) == ("yes", DRIVER)
    assert [each["node_name"] for each in data["pods"][0]["placements"]] == ["node-1", "node-2"]


async def test_the_only_class_that_fits_is_found_among_many(devices: Cluster, serve: Serve) -> None:
    devices.add(
        *(
            device_class(f"a{number}", f'device.driver == "{DRIVER}" && device.attributes.size() > 9')
            for number in range(12)
        )
    )
    devices.publish(NOW)
    data = await ask(await serve(), "&gpus=2")
    assert (data["fits"], data["device_class"]) == ("yes", DRIVER)


async def test_too_few_devices_are_a_no(devices: Cluster, serve: Serve) -> None:
    api = await serve()
    data = await ask(api, f"&gpus=4&device_class={DRIVER}")
    assert (data["fits"], data["complete"]) == ("no", True)
    assert data["pods"][0]["message"] == "0/2 nodes are available: 2 cannot allocate all claims."
    unknown = await ask(api, "&gpus=1&device_class=absent")
    assert unknown["pods"][0]["message"] == (
        "0/2 nodes are available: request gpus: device class absent does not exist."
    )


async def test_an_extended_resource_that_a_class_serves_is_had_by_claims(
    devices: Cluster, serve: Serve
) -> None:
    devices.add(device_class(extendedResourceName="nvidia.com/gpu"))
    devices.publish(NOW)
    api = await serve()
    for resource in ("", "&resource=nvidia.com/gpu"):
        data = await ask(api, f"&gpus=3{resource}")
        assert (data["fits"], data["resource"], data["complete"]) == ("yes", "nvidia.com/gpu", True)
        assert data["pods"][0]["placements"][0]["devices"] == [DEVICES[0], DEVICES[2], DEVICES[3]]
    assert (await ask(api, "&gpus=4"))["fits"] == "no"


async def test_each_replica_has_a_claim_of_the_template_that_comes_along(
    devices: Cluster, serve: Serve
) -> None:
    api = await serve()
    asked = deployment(5, OF_TEMPLATE)
    assert (await post(api, asked, template(count=1)))["fits"] == "yes"
    short = await post(api, asked, template(count=2))
    assert (short["fits"], short["placed"], short["max_replicas"]) == ("no", 2, 2)
    selecting = [{"cel": {"expression": f"device.attributes['{DRIVER}'].productName.startsWith('A')"}}]
    assert (await post(api, asked, template(selectors=selecting)))["fits"] == "no"
    missing = await post(api, asked)
    assert missing["pods"][0]["message"] == 'resourceclaimtemplates.resource.k8s.io "gpus" not found'
    devices.add(template(count=1))
    devices.publish(NOW)
    assert (await post(api, asked))["fits"] == "yes"


async def test_replicas_share_a_claim_that_they_name(devices: Cluster, serve: Serve) -> None:
    api = await serve()
    asked = deployment(7, {"name": "gpus", "resourceClaimName": "shared"})
    data = await post(api, asked, template("shared", "ResourceClaim", count=3))
    assert data["fits"] == "yes"
    (place,) = data["pods"][0]["placements"]
    assert (place["node_name"], place["replicas"], len(place["devices"])) == ("node-1", 7, 3)


async def test_templates_are_placed_one_after_another_with_their_devices(
    devices: Cluster, serve: Serve
) -> None:
    api = await serve()
    both = deployment(1, OF_TEMPLATE), deployment(1, OF_TEMPLATE)
    assert (await post(api, *both, template(count=2)))["fits"] == "yes"
    data = await post(api, *both, template(count=3))
    assert [each["fits"] for each in data["pods"]] == ["yes", "no"]
    daemons: Manifest = {**both[0], "kind": "DaemonSet"}
    assert (await post(api, daemons, template(count=2)))["fits"] == "yes"
    data = await post(api, daemons, template(count=3))
    assert (data["fits"], data["replicas"], data["placed"]) == ("no", 2, 1)


async def test_quotas_count_devices_in_the_worst_case(devices: Cluster, serve: Serve) -> None:
    hard = {f"{DRIVER}.deviceclass.resource.k8s.io/devices": "3"}
    quota = {"metadata": meta("q", "default"), "spec": {"hard": hard}, "status": {"hard": hard}}
    devices.publish(NOW, policies=msgspec.structs.replace(NO_POLICIES, quotas=read(quota_decoder(), quota)))
    api = await serve()
    assert (await post(api, deployment(3, OF_TEMPLATE), template(count=1)))["fits"] == "yes"
    data = await post(api, deployment(4, OF_TEMPLATE), template(count=1))
    assert (data["fits"], data["max_replicas"]) == ("no", 3)
    assert [(each["resource"], each["asked"]) for each in data["quota"]] == [(*hard, 4)]
    assert (await post(api, deployment(1, OF_TEMPLATE), template(allocationMode="All")))["fits"] == "no"


PER_CLASS = f"{DRIVER}.deviceclass.resource.k8s.io/devices"
IMPLICIT = f"requests.deviceclass.resource.kubernetes.io/{DRIVER}"
CLAIMS = "count/resourceclaims.resource.k8s.io"


def limited(cluster: Cluster, hard: Manifest) -> None:
    quota = {"metadata": meta("q", "default"), "spec": {"hard": hard}, "status": {"hard": hard}}
    cluster.publish(NOW, policies=msgspec.structs.replace(NO_POLICIES, quotas=read(quota_decoder(), quota)))


@pytest.mark.parametrize(
    ("hard", "most"), [({IMPLICIT: "3"}, 1), ({IMPLICIT: "2"}, 0), ({CLAIMS: "1"}, 1), ({PER_CLASS: "2"}, 0)]
)
async def test_quotas_count_devices_by_the_name_that_each_class_has(
    devices: Cluster, serve: Serve, hard: Manifest, most: int
) -> None:
    limited(devices, hard)
    data = await post(await serve(), deployment(1, OF_TEMPLATE), template(count=3))
    assert (data["max_replicas"], data["fits"]) == (most, "yes" if most else "no")


async def test_quotas_count_a_claim_once_that_several_templates_share(devices: Cluster, serve: Serve) -> None:
    limited(devices, {PER_CLASS: "3"})
    asked = deployment(2, {"name": "gpus", "resourceClaimName": "shared"})
    shared = template("shared", "ResourceClaim", count=3)
    assert (await post(await serve(), asked, asked, shared))["fits"] == "yes"


@pytest.mark.parametrize(
    ("hard", "fits"),
    [
        ({PER_CLASS: "2"}, "no"),
        ({PER_CLASS: "3"}, "yes"),
        ({CLAIMS: "0"}, "no"),
        ({IMPLICIT: "2"}, "no"),
        # The pod itself counts here, and not its claim too.
        ({"requests.nvidia.com/gpu": "3"}, "yes"),
        ({"requests.nvidia.com/gpu": "2"}, "no"),
    ],
)
async def test_quotas_count_the_claim_that_serves_an_extended_resource(
    devices: Cluster, serve: Serve, hard: Manifest, fits: str
) -> None:
    devices.add(device_class(extendedResourceName="nvidia.com/gpu"))
    limited(devices, hard)
    api = await serve()
    data = await ask(api, "&gpus=3&namespace=default")
    assert (data["fits"], data["complete"]) == (fits, True)
    # On a node that has the resource itself there is no such claim.
    devices.add(node("plugin"))
    limited(devices, hard)
    data = await ask(api, "&gpus=3&namespace=default")
    if fits == "yes" or "requests.nvidia.com/gpu" in hard:
        assert (data["fits"], data["complete"]) == (fits, True)
    else:
        assert (data["fits"], data["not_checked"]) == ("yes", ["resourcequotas"])


@pytest.mark.parametrize(
    ("expression", "fits", "not_checked"),
    [
        ("device.attributes['x.com'].y == 1", "no", []),
        ("ip('10.0.0.1').family() == 4", "unknown", ["device_selectors"]),
        ("true " + "&& true" * 3000, "unknown", ["device_selectors"]),
    ],
)
async def test_a_selector_that_cannot_be_evaluated_is_unknown_and_one_with_an_error_a_no(
    devices: Cluster, serve: Serve, expression: str, fits: str, not_checked: list[str]
) -> None:
    selectors = [{"cel": {"expression": expression}}]
    data = await post(await serve(), deployment(1, OF_TEMPLATE), template(selectors=selectors))
    assert (data["fits"], data["not_checked"]) == (fits, not_checked)
    assert data["complete"] is (fits == "no")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"spec": {"spec": {"devices": {"requests": "x"}}}}, "[1].spec.spec: "),
        ({"spec": {"spec": 5}}, "[1].spec.spec: it isn't an object"),
        ({"metadata": {}}, "[1].metadata.name: it is required"),
        (
            {"spec": {"spec": {"devices": {"requests": [{"name": "r"}] * 33}}}},
            "[1].spec.spec: requests: 33 are more than 32",
        ),
        (
            {
                "spec": {
                    "spec": {"devices": {"requests": [{"exactly": {"capacity": {"requests": {"m": "x"}}}}]}}
                }
            },
            "[1].spec.spec: 'x' is not a quantity",
        ),
    ],
)
async def test_a_claim_that_cannot_be_read_gets_400_with_its_field(
    devices: Cluster, serve: Serve, change: Manifest, field: str
) -> None:
    api = await serve()
    body = yaml.safe_dump_all([deployment(1, OF_TEMPLATE), template() | change]).encode()
    answer = await posted(api, body)
    assert answer.status == 400
    assert answer.error[2].startswith(f"Invalid manifest: {field}"), answer.error


async def test_a_pending_pod_with_claims_is_read_too(devices: Cluster, api: Api) -> None:
    devices.add(
        waiting("roomy", containers=[], resourceClaims=[{"name": "gpus", "resourceClaimName": "three"}]),
        waiting("short", containers=[], resourceClaims=[{"name": "gpus", "resourceClaimName": "four"}]),
        claim(name="three", namespace="ml-team", count=3),
        claim(name="four", namespace="ml-team", count=4),
    )
    devices.publish(NOW)
    found = await readings(api)
    assert {name: (fit["fits"], fit["complete"]) for name, fit in found.items()} == {
        "roomy": ("yes", True),
        "short": ("no", True),
    }
    assert found["short"]["reason"] == "2 nodes: devices are short for its claims"


async def test_devices_that_only_others_drivers_have_count_as_well(devices: Cluster, serve: Serve) -> None:
    nic = resource_slice(
        device("nic-0"), name="nic", driver="nic.example.com", pool="fabric", node=None, allNodes=True
    )
    devices.add(nic, device_class("nic", "device.driver == 'nic.example.com'"))
    devices.publish(NOW)
    api = await serve()
    assert (await ask(api, "&gpus=1&device_class=nic"))["fits"] == "yes"
    two = await ask(api, "&gpus=1&replicas=2&device_class=nic")
    assert (two["fits"], two["placed"], two["not_checked"]) == ("no", 1, ["node_choice"])


@pytest.mark.parametrize("kind", ["ResourceClaim", "ResourceClaimTemplate"])
async def test_admin_access_is_for_namespaces_with_its_label(
    devices: Cluster, serve: Serve, kind: str
) -> None:
    api = await serve()
    named = {"name": "gpus", f"{kind[0].lower()}{kind[1:]}Name": "gpus"}
    asking, plain = (
        (deployment(1, named), template(kind=kind, adminAccess=admin)) for admin in (True, False)
    )
    labelled = {"resource.kubernetes.io/admin-access": "true"}
    for labels, fits in (({}, "no"), (labelled, "yes")):
        devices.publish(NOW, policies=msgspec.structs.replace(NO_POLICIES, namespaces={"default": labels}))
        data = await post(api, *asking)
        assert (data["fits"], data["complete"]) == (fits, True)
        assert ("admin access to devices requires" in (data["pods"][0]["message"] or "")) is (fits == "no")
        assert (await post(api, *plain))["fits"] == "yes"
