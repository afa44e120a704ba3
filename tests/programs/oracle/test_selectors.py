"""A selector in CEL means what Kubernetes' own library makes of it, or Lens says that it can't tell."""

from collections.abc import Iterator

import pytest

from tests import required
from tests.oracle import selectors
from tests.oracle.program import PROGRAM, Oracle
from tests.oracle.selectors import UNKNOWN

LEFT_OUT = (
    "[1,2,3].all(i, v, i < v)",
    ".sort()",
    ".sum()",
    ".max()",
    ".format(",
    "ip(",
    "url(",
    ".find(",
    "lists.range",
    "cel.bind(a, device.attributes,",
    "cel.bind(d, device,",
    '== "6.10.5-rc.1+x"',
    'semver("1.0.0") == device',
    '"TYPE".lowerAscii()] ==',
    '"\\x74ype"] ==',
    '["type"][0] in',
    '"tXype".replace',
    "t\\171pe",
    'quantity("1000m")',
    'quantity("1.5Gi").isInteger',
    'quantity("1.0").add',
    'quantity("1").add(1)',
    'q.add(quantity("500m")).isInteger',
)
"""What Lens can't tell of: functions that no driver's documentation uses, maps that have another name, what
Kubernetes tells by how a quantity is written, and on devices that have versions what may be one and is
compared with something else.
"""


@pytest.fixture(scope="module")
def oracle() -> Iterator[Oracle]:
    with Oracle(required.program(PROGRAM)) as running:
        yield running


def test_lens_says_of_selectors_what_kubernetes_says(oracle: Oracle) -> None:
    asked = [
        (expression, driver, device)
        for expression in selectors.SELECTORS
        for driver, device in selectors.DEVICES
    ]
    said = [
        (selectors.ours(*each), their)
        for each, their in zip(asked, selectors.theirs(oracle, asked), strict=True)
    ]
    told = [(each, our, their) for each, (our, their) in zip(asked, said, strict=True) if our != UNKNOWN]
    print(f"{len(told)} of {len(asked)} told")
    assert [each for each in told if each[1] != each[2]] == []
    untold = {
        each[0] for each, (our, their) in zip(asked, said, strict=True) if our == UNKNOWN and their != UNKNOWN
    }
    assert [each for each in untold if not any(part in each for part in LEFT_OUT)] == []
    assert len(told) > 550
