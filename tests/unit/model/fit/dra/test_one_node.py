"""The selector of one node is read without being parsed, and means the same."""

import json

import pytest

from lens.model.fit.dra.objects import read_claim
from tests.unit.model import dra_manifests as dra
from tests.unit.model.manifests import Object

NODES = ("node-1", "node-2", "", "a" * 253)


def _selector(*values: str, key: str = "metadata.name", operator: str = "In") -> Object:
    return {
        "nodeSelectorTerms": [{"matchFields": [{"key": key, "operator": operator, "values": list(values)}]}]
    }


@pytest.mark.parametrize(
    "selector",
    [
        _selector("node-1"),
        _selector("a" * 253),
        _selector("a" * 254),
        _selector(""),
        _selector(),
        _selector("node-1", "node-2"),
        _selector('node-1"'),
        _selector("Node_1"),
        _selector("node-1", operator="NotIn"),
        _selector("node-1", key="metadata.namespace"),
        {"nodeSelectorTerms": [*_selector("node-1")["nodeSelectorTerms"]] * 2},
        {"nodeSelectorTerms": []},
    ],
    ids=repr,
)
def test_a_selector_means_the_same_however_it_is_written(selector: Object) -> None:
    raw = dra.claim(dra.result("gpu-0"), pods=["train-0"])
    raw["status"]["allocation"]["nodeSelector"] = selector
    compact = json.dumps(raw, separators=(",", ":")).encode()
    # With blanks in it a selector is parsed.
    spaced = json.dumps(raw).encode()
    counted = [dra.claims.read(each).value for each in (compact, spaced)]
    assert counted[0] == counted[1]
    quick, parsed = (read_claim(each).nodes for each in (compact, spaced))
    assert quick is not None
    assert parsed is not None
    assert [quick.matches(name, {}) for name in NODES] == [parsed.matches(name, {}) for name in NODES]
