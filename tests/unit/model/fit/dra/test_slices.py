"""What is read of a slice doesn't depend on what was read of it before."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from lens.model.fit.dra.slices import read_slice
from lens.model.fit.fit_store import Unreadable, slice_for_fit
from lens.model.inventory.decoding.kinds import slice_decoder
from lens.model.inventory.objects.slice import Slice
from lens.model.k8s.dra.gpu_drivers import GpuDrivers
from tests.unit.model import dra_manifests as dra
from tests.unit.model.manifests import Object

TEXTS = st.sampled_from(
    (
        "GPU-1a2b",
        "GPU-0553cc68-bfb0-551a-ab2c-502a1db40da2",
        "GPU-00000000-0000-0000-0000-000000000000",
        "N/A",
        "",
        "\x7f0",
        'a"b',
        "\\",
        "ü",
        '"uuid":{"string":"',
        "x" * 70,
        "x" * 300,
    )
)
KEYS = st.sampled_from(
    ("uuid", "parentUUID", "gpu.nvidia.com/uuid", 'x"uuid', "productName", "type", "serial")
)
VALUES = st.one_of(
    TEXTS.map(lambda text: {"string": text}),
    TEXTS.map(lambda text: {"version": text}),
    st.sampled_from(({"int": 5}, {"bool": True}, {"list": [{"uuid": {"string": "GPU-9"}}]}, {"string": 5})),
    # It begins as a device does.
    st.just({"name": "g0", "list": [{"name": "g0"}]}),
)
NAMES = st.sampled_from(("g0", "name")) | TEXTS


@st.composite
def devices(draw: st.DrawFn) -> Any:
    """Generate a device, now and then an odd one."""
    if draw(st.integers(0, 19)) == 0:
        return draw(st.sampled_from((5, {"name": 4}, {"name": "g0", "taints": 5}, {"name": ""})))
    made: Object = {
        "name": draw(st.sampled_from(("g0", "g1"))),
        "attributes": draw(st.dictionaries(KEYS, VALUES, max_size=4)),
    }
    if draw(st.booleans()):
        made["capacity"] = {"memory": draw(st.sampled_from(({"value": "80Gi"}, "40Gi", {"value": "much"})))}
    if draw(st.booleans()):
        made["taints"] = [{"key": "hot", "effect": draw(st.sampled_from(("NoSchedule", "None")))}]
    if draw(st.booleans()):
        made["nodeName"] = draw(st.sampled_from(("node-1", "node-2")))
    return made


@st.composite
def slices(draw: st.DrawFn) -> Object:
    """Generate a slice of one name."""
    return dra.resource_slice(
        *draw(st.lists(st.one_of(st.just(dra.gpu(0)), st.just(dra.gpu(1)), devices()), max_size=3)),
        pool=draw(st.sampled_from(("node-1", "node-1", "node-2"))),
        node=draw(st.sampled_from(("node-1", "node-1", "node-2", None))),
        driver=draw(st.sampled_from((dra.DRIVER, dra.DRIVER, "net.example.com"))),
        generation=draw(st.integers(1, 2)),
        perDeviceNodeSelection=draw(st.booleans()),
    )


@given(st.lists(st.tuples(slices(), st.booleans()), max_size=6))
def test_a_slice_is_read_as_if_for_the_first_time(seen: list[tuple[Object, bool]]) -> None:
    stored: dict[str, Slice | None] = {}
    decoder = slice_decoder(GpuDrivers(), stored, slice_for_fit)
    for raw, is_stored in seen:
        document = json.dumps(raw, separators=(",", ":"), ensure_ascii=False).encode()
        again, first = decoder.read(document), slice_decoder(GpuDrivers(), fit=slice_for_fit).read(document)
        assert (again.value, again.problem, again.fit) == (first.value, first.problem, first.fit)
        if is_stored:
            stored[again.key] = again.value


@given(
    st.lists(
        st.tuples(NAMES, st.dictionaries(KEYS, VALUES, max_size=6), st.booleans()), min_size=1, max_size=3
    )
)
def test_no_identity_is_lost_or_confused(given_: list[tuple[str, dict[str, Any], bool]]) -> None:
    raw = dra.resource_slice(
        *(
            {"name": name, "attributes": attributes} if is_first else {"attributes": attributes, "name": name}
            for name, attributes, is_first in given_
        )
    )
    compact = json.dumps(raw, separators=(",", ":"), ensure_ascii=False).encode()
    # With blanks in it names and identities aren't taken out.
    spaced = json.dumps(raw, ensure_ascii=False).encode()
    assert dra.slices.read(compact).value == dra.slices.read(spaced).value
    assert _fit(compact) == _fit(spaced)


def test_what_has_not_changed_is_the_same_object() -> None:
    stored: dict[str, Slice | None] = {}
    decoder = slice_decoder(GpuDrivers(), stored)
    first = decoder.read(json.dumps(dra.resource_slice(dra.gpu(0), dra.gpu(1))).encode())
    stored[first.key] = first.value
    hot = dra.gpu(1, taints=["hot:NoSchedule"])
    second = decoder.read(json.dumps(dra.resource_slice(dra.gpu(0), hot, generation=2)).encode())
    assert first.value is not None
    assert second.value is not None
    pairs = zip(second.value.devices, first.value.devices, strict=True)
    assert [now is then for now, then in pairs] == [True, False]


def _fit(document: bytes) -> object:
    try:
        found = read_slice(document)
    except ValueError as error:
        return str(error)
    # Kinds that look the same are different objects, unless they were read of the same bytes.
    return [(each.name, each.nodes, each.attributes, each.capacities) for each in found.devices]


def test_what_a_fit_cannot_read_is_unreadable_to_it_alone() -> None:
    raw = dra.resource_slice({"name": "g0", "capacity": {"memory": {"value": "much"}}})
    reading = slice_decoder(GpuDrivers(), fit=slice_for_fit).read(json.dumps(raw).encode())
    assert reading.value is not None
    assert isinstance(reading.fit, Unreadable)
