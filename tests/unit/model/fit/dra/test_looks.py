"""Nodes that look alike get one answer: it is the one that each of them would have got by itself."""

import json
from functools import partial
from random import Random

import pytest

from lens.model.fit.dra.devices import read_slice
from lens.model.fit.dra.objects import read_claim
from lens.model.fit.engine import fit
from tests.oracle import cases, lens
from tests.profiles import full_or

FLEETS = full_or(60, 400)
MOST = 40


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
def test_what_nodes_look_like_follows_what_changes(part: int) -> None:
    for seed in range(part, FLEETS, 4):
        raw, random = cases.fleet(8_000_009 + seed, 2), Random(seed)
        read = lens.Lens({**raw, "resourceSlices": [], "resourceClaims": []})
        devices = read.state.devices
        slices = {
            each["metadata"]["name"]: read_slice(json.dumps(each).encode())
            for each in raw.get("resourceSlices", ())
        }
        claims = {
            (each["metadata"]["namespace"], each["metadata"]["name"]): read_claim(json.dumps(each).encode())
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
        assert view.looks.keys() | view.pools_of.keys() <= view.local.keys()
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
