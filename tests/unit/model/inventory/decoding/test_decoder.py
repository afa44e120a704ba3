"""A bad object costs itself alone, and is still known by its name."""

import json
from typing import Any

import pytest

from lens.model.inventory.decoding.decoder import Decoder, Reading
from lens.model.inventory.decoding.documents import read_bookmark, read_line, read_page
from lens.model.inventory.decoding.kinds import pod_decoder
from lens.model.inventory.objects.pod import Pod, PodKey
from lens.model.k8s.gpu_resources import GpuResources
from lens.model.k8s.objects import PodManifest
from tests.unit.model.manifests import GPU, Object, container, node, pod, read_node, read_pod


def test_an_object_is_known_by_its_key_uid_and_version() -> None:
    reading = read_pod(pod(container("main", "1")))
    assert (reading.key, reading.version) == (PodKey("team", "train-0"), 7)
    assert reading.value is not None
    assert reading.problem is None
    node_reading = read_node(node(gpus="1"))
    assert (node_reading.key, node_reading.version) == ("node-1", 7)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["spec"], None),
        (["spec"], []),
        (["status"], "Running"),
        (["status", "phase"], 7),
        (["spec", "nodeName"], {}),
        (["spec", "containers"], {}),
        (["spec", "containers", 0, "resources"], "lots"),
        (["spec", "containers", 0, "resources", "requests"], ["1"]),
        (["spec", "containers", 0, "resources", "limits", GPU], None),
    ],
)
def test_an_object_of_the_wrong_shape_is_known_by_name_and_says_what_is_wrong(
    path: list[Any], value: object
) -> None:
    raw = pod(container("main", "1"))
    part: Any = raw
    for step in path[:-1]:
        part = part[step]
    part[path[-1]] = value
    reading = read_pod(raw)
    assert reading.key == PodKey("team", "train-0")
    assert reading.version == 7
    assert reading.value is None
    assert reading.problem


@pytest.mark.parametrize(
    "raw",
    [
        None,
        [],
        {},
        {"metadata": None},
        {"metadata": {"resourceVersion": "7"}},
        {"metadata": {"name": None, "resourceVersion": "7"}},
        {"metadata": {"name": "p"}},
        {"metadata": {"name": "p", "resourceVersion": None}},
        {"metadata": {"name": "p", "resourceVersion": ""}},
        {"metadata": {"name": "p", "resourceVersion": "seven"}},
        {"metadata": {"name": "p", "resourceVersion": "7.5"}},
        {"metadata": {"name": "p", "resourceVersion": 7}},
    ],
)
def test_an_object_without_a_name_or_a_version_is_refused(raw: object) -> None:
    for read in (read_pod, read_node):
        with pytest.raises(ValueError, match=r"."):
            read(raw)


def test_what_lens_does_not_read_may_be_anything_of_any_size() -> None:
    raw = pod(container("main", "1", env=[{"name": "X", "value": "x" * 1000}], image=7))
    raw["metadata"]["annotations"] = {"notes": "n" * 2**20, "n": None}
    raw["spec"]["volumes"] = 7
    raw["status"]["containerStatuses"] = [{"name": "main", "state": "?"}]
    reading = read_pod(raw)
    assert reading.problem is None
    assert reading.value is not None


def test_a_bad_object_in_a_page_or_line_leaves_the_others() -> None:
    good, bad = pod(container("main", "1"), name="good"), pod(container("main", "x"), name="bad")
    body = json.dumps({"kind": "PodList", "metadata": {"resourceVersion": "9"}, "items": [bad, good, 7]})
    page = read_page(body.encode())
    assert page.metadata.resource_version == "9"
    assert page.metadata.continue_ is None
    assert page.items is not None
    assert [json.loads(bytes(item)) for item in page.items] == [bad, good, 7]
    line = read_line(json.dumps({"type": "ADDED", "object": bad}).encode())
    assert (line.type, json.loads(bytes(line.object))) == ("ADDED", bad)


def test_of_a_deleted_object_only_the_name_and_the_version_are_read() -> None:
    viewed: list[PodManifest] = []
    decoder: Decoder[PodKey, Pod] = Decoder(PodManifest, viewed.append, PodKey)
    for type_ in ("ADDED", "DELETED"):
        line = _json({"type": type_, "object": pod(container("main", "1"))})
        assert decoder.read_watch_line(line) == (type_, Reading(PodKey("team", "train-0"), 7, None))
        assert len(viewed) == 1


@pytest.mark.parametrize("items", [{}, {"items": None}, {"items": []}])
def test_an_empty_page_is_a_page(items: Object) -> None:
    body = json.dumps({"metadata": {"resourceVersion": "9", "continue": "abc"}} | items).encode()
    assert not read_page(body).items
    assert read_page(body).metadata.continue_ == "abc"


def test_a_bookmark_is_a_version() -> None:
    line = read_line(b'{"type":"BOOKMARK","object":{"kind":"Pod","metadata":{"resourceVersion":"12"}}}')
    assert read_bookmark(line.object).metadata.resource_version == "12"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"null",
        b'{"metadata":{},"items":[]}',
        b'{"items":[]}',
        b'{"metadata":{"resourceVersion":"9"},"items":{}}',
        b'{"metadata":{"resourceVersion":"9"},"items":[{}',
        b'{"type":"ADDED"}',
        b'{"object":{}}',
        b'{"type":"ADDED","object":{"metadata":{"name":"p"',
        b'{"type":"ADDED","object":}',
    ],
)
def test_what_is_no_page_and_no_line_is_refused(body: bytes) -> None:
    for read in (read_page, read_line):
        with pytest.raises(ValueError, match=r"."):
            read(body)


def test_a_pod_that_is_nested_without_end_hides_no_other() -> None:
    # kube-apiserver 1.37 takes this from anybody who may create a pod.
    fields = b'{"f:x":' * 9000 + b"{}" + b"}" * 9000
    deep = _json(pod(container("main", "1"), metadata={"managedFields": "FIELDS"})).replace(
        b'"FIELDS"', fields
    )
    decoder = pod_decoder(GpuResources())

    page = read_page(
        b'{"metadata":{"resourceVersion":"9"},"items":[%b,%b]}' % (deep, _json(pod(container("main", "2"))))
    )
    views = [decoder.read(item).value for item in page.items or ()]
    assert [view.gpus for view in views if isinstance(view, Pod)] == [1, 2]

    line = read_line(b'{"type":"ADDED","object":%b}' % deep)
    for raw in (line.object, deep):
        view = decoder.read(raw).value
        assert isinstance(view, Pod)
        assert view.gpus == 1


@pytest.mark.parametrize(
    ("escaped", "name"),
    [
        (rb"\ud800", "\ufffd"),
        (rb"\uDC00\ud83d", "\ufffd\ufffd"),
        (rb"\ud83d\uDE00\ud83d", "\U0001f600\ufffd"),
        (rb"\\\ud800\u0041", "\\\ufffdA"),
        (rb"\\ud800\ud800", "\\ud800\ufffd"),
    ],
)
def test_half_a_character_hides_no_list(escaped: bytes, name: str) -> None:
    raw = _json(pod(container("main", "1"), metadata={"uid": "HALF"})).replace(b"HALF", escaped)
    items = read_page(b'{"metadata":{"resourceVersion":"9"},"items":[%b]}' % raw).items
    assert items is not None
    for view in (pod_decoder(GpuResources()).read(each).value for each in (items[0], raw)):
        assert isinstance(view, Pod)
        assert view.uid == name


def test_half_a_character_costs_no_object_that_is_odd_elsewhere() -> None:
    raw = _json(pod(container("main", "1"), metadata={"uid": "HALF", "labels": 7})).replace(
        b"HALF", rb"\ud800"
    )
    reading = pod_decoder(GpuResources()).read(raw)
    assert isinstance(reading.value, Pod)
    assert (reading.value.uid, reading.problem) == ("\ufffd", "labels: Expected `object`, got `int`")


def _json(value: object) -> bytes:
    return json.dumps(value).encode()
