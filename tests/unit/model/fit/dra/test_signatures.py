"""Nodes of one signature get one answer: it is the one that each of them would have got by itself."""

import sys
from functools import partial
from random import Random

import msgspec
import pytest

from lens.model.fit.dra.allocation.results import Offer
from lens.model.fit.dra.devices import NO_CHOICE, Kind, NodeChoice
from lens.model.fit.dra.objects import read_claim
from lens.model.fit.dra.shapes import Viewer
from lens.model.fit.dra.slices import Slice, read_slice
from lens.model.fit.dra.state import DeviceState
from lens.model.fit.engine import fit
from tests.oracle import cases, lens
from tests.profiles import full_or

FLEETS = full_or(100, 400)
MOST = 40
KIND = Kind()


@pytest.mark.parametrize("part", range(4))
def test_as_many_replicas_fit_as_are_said_to(part: int) -> None:
    seen = 0
    for seed in range(part, FLEETS, 4):
        read = lens.Lens(cases.fleet(7_000_003 + seed, 4))
        fleet = read.state.fleet()
        for raw in cases.fleet(7_000_003 + seed, 4)["asked"]:
            asked = read.read(raw)
            most = fit(fleet, asked).max_replicas
            if not asked.claims or most is None or not 0 < most <= MOST:
                continue
            seen += 1
            assert fit(fleet, asked, most).placed == most, seed
            assert fit(fleet, asked, most + 1).placed == most, seed
    assert seen


@pytest.mark.parametrize("part", range(4))
def test_signatures_follow_what_changes(part: int) -> None:
    for seed in range(part, FLEETS, 4):
        raw, random = cases.fleet(8_000_009 + seed, 2), Random(seed)
        read = lens.Lens({**raw, "resourceSlices": [], "resourceClaims": []})
        devices = read.state.devices
        slices = {
            each["metadata"]["name"]: read_slice(msgspec.json.encode(each))
            for each in raw.get("resourceSlices", ())
        }
        claims = {
            (each["metadata"]["namespace"], each["metadata"]["name"]): read_claim(msgspec.json.encode(each))
            for each in raw.get("resourceClaims", ())
        }
        for _ in range(2):
            changes = [
                *(partial(devices.put_slice, name, each) for name, each in slices.items()),
                *(partial(devices.put_claim, key, each) for key, each in claims.items()),
                *(partial(devices.put_slice, name, None) for name in slices if random.random() < 0.3),
                *(partial(devices.put_claim, key, None) for key in claims if random.random() < 0.3),
            ]
            random.shuffle(changes)
            for change in changes:
                change()
                if random.random() < 0.3:
                    fit(read.state.fleet(), read.read(raw["asked"][0]))
        # Nodes come and go under ever new names: of those without slices nothing stays.
        view = read.state.fleet().devices
        assert view.signatures.keys() | view.pools_of.keys() <= view.local.keys()
        stored = {
            "resourceSlices": [
                each for each in raw.get("resourceSlices", ()) if each["metadata"]["name"] in devices.slices
            ],
            "resourceClaims": [
                each
                for each in raw.get("resourceClaims", ())
                if (each["metadata"]["namespace"], each["metadata"]["name"]) in devices.claims
            ],
        }
        fresh = lens.Lens({**raw, **stored})
        for each in raw["asked"]:
            asked = fresh.read(each)
            assert fit(read.state.fleet(), asked, 3) == fit(fresh.state.fleet(), asked, 3), seed


def test_a_change_renews_the_signatures_of_its_nodes_in_a_fleet_of_any_size() -> None:
    names = [f"node-{number}" for number in range(25_000)]
    devices = DeviceState()
    for name in names:
        devices.put_slice(name, slice_of(name))
    first = devices.view()
    pools = {name: first.pools(name, {}) for name in names}
    assert len({first.signature(name) for name in names}) == 1
    devices.put_slice(names[7], slice_of(names[7], 2))
    changed = devices.view()
    assert names[7] not in changed.signatures
    assert len(changed.signatures) == len(names) - 1
    assert [name for name in names if changed.pools(name, {}) is not pools[name]] == [names[7]]
    assert len({changed.signature(name) for name in names}) == 2


def test_what_is_kept_of_nodes_goes_with_them_while_older_views_are_read() -> None:
    devices = DeviceState()
    for name in ("a", "b"):
        devices.put_slice(name, slice_of(name))
    old = devices.view()
    devices.put_slice("a", None)
    devices.view()
    for name in ("a", "b"):
        old.pools(name, {})
        old.signature(name)
    devices.put_slice("b", slice_of("b", 2))
    view = devices.view()
    view.pools("b", {})
    assert view.signatures.keys() | view.pools_of.keys() == {"b"}


def test_nothing_is_kept_of_the_devices_that_a_node_had() -> None:
    devices, kinds = DeviceState(), [Kind() for _ in range(3)]
    for kind in kinds:
        devices.put_slice("a", slice_of("a", kind=kind))
        view = devices.view()
        assert view.signature("a") is not None
        assert Viewer((), Offer({}, (), view.holding, {})).of_node(view.pools("a", {}), view.holding)
    # The list's own, and getrefcount's.
    assert [sys.getrefcount(kinds[0]), sys.getrefcount(kinds[1])] == [2, 2]


def slice_of(node: str, gpus: int = 1, kind: Kind = KIND) -> Slice:
    """Return a node's slice."""
    own = tuple((f"gpu-{number}", "", "") for number in range(gpus))
    kinds = ((kind, NO_CHOICE),) * gpus
    return Slice(node, "gpu.nvidia.com", node, 1, 1, NodeChoice(node), per_device=False, kinds=kinds, own=own)
