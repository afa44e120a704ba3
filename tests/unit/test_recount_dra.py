"""The recount of dynamic resource allocation is right where the answer can be seen at a glance."""

from typing import Any

from tests.recount_dra import Objects, recount_dra

NVIDIA = "gpu.nvidia.com"
NO_GPUS = dict.fromkeys(("allocated", "unhealthy", "unavailable", "available"), 0)


def _node(name: str, **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": spec, "status": {}}


def _slice(
    pool: str,
    devices: list[dict[str, Any]],
    *,
    name: str = "",
    generation: int = 1,
    slices: int = 1,
    driver: str = NVIDIA,
    **spec: Any,
) -> dict[str, Any]:
    return {
        "metadata": {"name": name or f"{pool}-{generation}"},
        "spec": {
            "driver": driver,
            "pool": {"name": pool, "generation": generation, "resourceSliceCount": slices},
            "devices": devices,
            **({} if spec else {"nodeName": pool}),
            **spec,
        },
    }


def _devices(number: int, **fields: Any) -> list[dict[str, Any]]:
    return [{"name": f"gpu-{index}", **fields} for index in range(number)]


def _claim(*devices: str, pool: str = "n1", users: tuple[str, ...] = (), **result: Any) -> dict[str, Any]:
    results = [
        {"request": "gpu", "driver": NVIDIA, "pool": pool, "device": device, **result} for device in devices
    ]
    node = {"key": "metadata.name", "operator": "In", "values": [pool]}
    return {
        "metadata": {"name": f"claim-{'-'.join(devices)}", "namespace": "team"},
        "status": {
            "allocation": {
                "devices": {"results": results},
                "nodeSelector": {"nodeSelectorTerms": [{"matchFields": [node]}]},
            },
            "reservedFor": [{"resource": "pods", "name": user, "uid": user} for user in users],
        },
    }


def _pod(name: str, claim: str, phase: str = "Running") -> dict[str, Any]:
    return {
        "metadata": {"name": name, "namespace": "team", "uid": name},
        "spec": {"nodeName": "n1", "resourceClaims": [{"name": "gpus", "resourceClaimName": claim}]},
        "status": {"phase": phase},
    }


def _rule(effect: str = "NoSchedule", **selector: str) -> dict[str, Any]:
    return {"spec": {"deviceSelector": selector, "taint": {"key": "broken", "effect": effect}}}


def _states(figures: dict[str, Any]) -> tuple[int, int, int, int, int | None]:
    allocated, unhealthy, unavailable, available = (
        figures[f"{name}_gpus"] for name in ("allocated", "unhealthy", "unavailable", "available")
    )
    return allocated, unhealthy, unavailable, available, figures["unknown_gpus"]


def _count(
    slices: list[dict[str, Any]],
    *claims: dict[str, Any],
    rules: tuple[dict[str, Any], ...] = (),
    nodes: tuple[dict[str, Any], ...] = (_node("n1"),),
    pods: tuple[dict[str, Any], ...] = (),
) -> dict[str, Any]:
    return recount_dra(pods, nodes, Objects(claims, slices, rules))


def test_a_claims_devices_are_held_once_whoever_shares_it() -> None:
    claim = _claim("gpu-0", "gpu-1", users=("a", "b", "ended"))
    name = claim["metadata"]["name"]
    pods = (_pod("a", name), _pod("b", name), _pod("ended", name, "Failed"), _pod("stranger", name))
    figures = _count([_slice("n1", _devices(4))], claim, pods=pods)
    assert _states(figures) == (2, 0, 0, 2, 0)
    assert {key: task["gpus"] for key, task in figures["tasks"].items()} == {
        ("team", "a"): 2,
        ("team", "b"): 2,
    }


def test_administrators_and_other_drivers_hold_no_gpu() -> None:
    channels = _slice("channels", _devices(9), driver="compute-domain.nvidia.com")
    figures = _count([_slice("n1", _devices(2)), channels], _claim("gpu-0", adminAccess=True))
    assert _states(figures) == (0, 0, 0, 2, 0)


def test_a_share_of_a_device_holds_the_gpu() -> None:
    shares = _claim("gpu-0", shareID="one"), _claim("gpu-0", shareID="another")
    assert _states(_count([_slice("n1", _devices(2))], *shares)) == (1, 0, 0, 1, 0)


def test_only_the_newest_generation_counts_and_only_if_it_is_whole() -> None:
    old, new = _slice("n1", _devices(8)), _slice("n1", _devices(3), generation=2)
    assert _states(_count([new, old])) == (0, 0, 0, 3, 0)
    half = _slice("n1", _devices(3), generation=2, slices=2)
    figures = _count([half, old], _claim("gpu-1"))
    assert _states(figures) == (1, 0, 0, 0, None)
    assert figures["nodes"] == {"n1": {**NO_GPUS, "allocated": 1, "unknown": None}}
    assert figures["pools"][NVIDIA, "n1"]["error"] == "incomplete"


def test_a_pool_that_contradicts_itself_offers_nothing_and_its_gpus_can_be_counted() -> None:
    assert _states(_count([_slice("n1", _devices(2) + _devices(1))])) == (0, 0, 0, 0, 2)
    draws = [{"counterSet": "missing", "counters": {"memory": {"value": "1Gi"}}}]
    figures = _count([_slice("n1", _devices(2, consumesCounters=draws))], _claim("gpu-0"))
    assert _states(figures) == (1, 0, 0, 0, 0)


def test_partitions_of_one_counter_set_are_one_gpu() -> None:
    def draws(counter_set: str) -> dict[str, Any]:
        return {"consumesCounters": [{"counterSet": counter_set, "counters": {"memory": {"value": "1"}}}]}

    devices = [{"name": f"gpu-{gpu}-{part}", **draws(f"gpu-{gpu}")} for gpu in "012" for part in "abcd"]
    sets = [{"name": f"gpu-{gpu}", "counters": {"memory": {"value": "4"}}} for gpu in "012"]
    slices = [
        _slice("n1", devices, slices=2),
        _slice("n1", [], name="counters", slices=2, nodeName="n1", sharedCounters=sets),
    ]
    rules = _rule(device="gpu-1-a"), *(_rule(device=f"gpu-2-{part}") for part in "abcd")
    figures = _count(slices, _claim("gpu-0-a", "gpu-0-b"), rules=rules)
    assert _states(figures) == (1, 1, 0, 1, 0)


def test_mig_devices_without_counters_belong_to_the_gpu_that_they_name() -> None:
    def uuid(name: str, value: str) -> dict[str, Any]:
        return {name: {"string": value}}

    devices = [
        {"name": "gpu-0", "attributes": uuid("uuid", "GPU-0")},
        {"name": "mig-0", "attributes": uuid(f"{NVIDIA}/parentUUID", "GPU-0")},
        {"name": "mig-1", "attributes": uuid("parentUUID", "GPU-1")},
        {"name": "mig-2", "basic": {"attributes": uuid("parentUUID", "GPU-1")}},
    ]
    assert _states(_count([_slice("n1", devices)], _claim("mig-0"))) == (1, 0, 0, 1, 0)


def test_devices_of_one_uuid_or_pci_address_are_one_gpu() -> None:
    def device(name: str, uuid: str, address: str) -> dict[str, Any]:
        attributes = {"uuid": {"string": uuid}, "resource.kubernetes.io/pciBusID": {"string": address}}
        return {"name": name, "attributes": attributes}

    devices = [device("a", "1", "x"), device("b", "2", "y"), device("c", "2", "x"), device("d", "4", "z")]
    assert _states(_count([_slice("n1", devices)], _claim("b"))) == (1, 0, 0, 1, 0)
    # An address says nothing across nodes.
    assert _states(_count([_slice("n1", devices, allNodes=True)], _claim("b"))) == (1, 0, 0, 2, 0)


def test_taints_take_free_devices_out_by_slice_and_by_rule() -> None:
    tainted = [{"name": "gpu-8", "taints": [{"key": "hot", "effect": "NoExecute"}]}]
    slices = [_slice("n1", _devices(4) + tainted)]
    rules = _rule(device="gpu-1"), _rule("None", device="gpu-2"), _rule(pool="other"), _rule(device="gpu-0")
    nothing = {"spec": {"taint": {"key": "broken", "effect": "NoSchedule"}}}
    assert _states(_count(slices, _claim("gpu-0"), rules=(*rules, nothing))) == (1, 2, 0, 2, 0)
    assert _states(_count(slices, rules=(_rule(),))) == (0, 5, 0, 0, 0)


def test_a_closed_or_missing_node_has_no_available_gpus() -> None:
    slices = [_slice("n1", _devices(2)), _slice("gone", _devices(3))]
    nodes = (_node("n1", unschedulable=True),)
    figures = _count(slices, _claim("gpu-0"), nodes=nodes)
    assert _states(figures) == (1, 0, 4, 0, 0)


def test_devices_of_no_node_have_a_row_of_their_own() -> None:
    each: list[dict[str, Any]] = [{"name": "own", "nodeName": "n1"}, {"name": "all", "allNodes": True}]
    slices = [
        _slice("fabric", _devices(2), allNodes=True),
        _slice("mixed", each, perDeviceNodeSelection=True),
    ]
    figures = _count(slices, _claim("gpu-0", pool="fabric"))
    assert figures["nodes"] == {
        None: {**NO_GPUS, "allocated": 1, "available": 2, "unknown": 0},
        "n1": {**NO_GPUS, "available": 1, "unknown": 0},
    }


def test_a_held_device_whose_slice_is_gone_is_still_held_on_its_node() -> None:
    figures = _count([], _claim("gpu-0"))
    assert figures["nodes"] == {"n1": {**NO_GPUS, "allocated": 1, "unknown": 0}}


def test_a_pools_own_figures_are_of_devices() -> None:
    slices = [_slice("n1", _devices(4))]
    figures = _count(slices, _claim("gpu-0"), _claim("gone"), rules=(_rule(device="gpu-0"),))
    assert figures["pools"][NVIDIA, "n1"] == {
        "generation": 1,
        "slices": 1,
        "error": None,
        "devices": 4,
        "allocated": 2,
        "tainted": 1,
        "available": 1,
    }


def test_held_partitions_stay_one_gpu_while_their_pool_is_published_anew() -> None:
    def parts(gpu: str) -> list[dict[str, Any]]:
        draws = [{"counterSet": gpu, "counters": {"memory": {"value": "1"}}}]
        return [{"name": f"{gpu}-{part}", "consumesCounters": draws} for part in "abc"]

    held = _claim("gpu-0-a", "gpu-0-b", "gpu-0-c")
    old = [_slice("n1", parts("gpu-0"), name="old", slices=2), _slice("n1", parts("gpu-1"), slices=2)]
    new = _slice("n1", parts("gpu-1"), name="new", generation=2, slices=2)
    figures = _count([*old, new], held)
    assert _states(figures) == (1, 0, 0, 0, None)
    assert set(figures["products"].values()) == {(None, "UNKNOWN_PRODUCT")}
    # By its counter set a part that isn't there yet is of the GPU that is.
    first = _slice("n1", parts("gpu-0")[:1], name="first", generation=2, slices=2)
    assert _states(_count([*old, first], held)) == (1, 0, 0, 0, None)
    # Nothing is known of what no slice has.
    assert _states(_count([new], held)) == (3, 0, 0, 0, None)
