"""Lists of devices as long as one before, whether they differ in names and identities alone or not."""

import re

import pytest

from lens.model.k8s.dra.device_identities import Identities, without_identities

UUID = "GPU-1a2b3c4d"
FIRST = (
    f'[{{"name":"gpu-0","attributes":{{"uuid":{{"string":"{UUID}"}}}}}},{{"name":"gpu-1","attributes":{{}}}}]'
)


def _restored(fillable: bytes, own: tuple[Identities, ...]) -> bytes:
    """Return the list with what its placeholders stand for."""
    device = -1

    def text(placeholder: re.Match[bytes]) -> bytes:
        nonlocal device
        place = int(placeholder[1])
        device += place == 0
        return own[device][place].encode()

    return re.sub(rb"\x7f([012])", text, fillable) if own else fillable


@pytest.mark.parametrize(
    ("replaced", "by", "alike"),
    [
        ("gpu-0", "gpu-9", True),
        ("gpu-0", "gpu-1", True),
        ("gpu-1", "{name", True),
        (UUID, "GPU-9f8e7d6c", True),
        (UUID, "GPU-1a2b3c\x7f0", False),
        (UUID, "GPU-1a2b3cÜ", False),
        (UUID, "GPU-a\\u0041b", False),
        (UUID, 'GP","b":"c-1', False),
        ("attributes", "attributed", False),
        ('"uuid"', '"udid"', False),
        ('{"string"', '{"strong"', False),
        ('{"name":"gpu-1"', '{"nome":"gpu-1"', False),
    ],
)
def test_a_list_as_long_as_one_before_says_what_it_says(replaced: str, by: str, *, alike: bool) -> None:
    first, _ = without_identities(FIRST.encode())
    raw = FIRST.replace(replaced, by, 1).encode()
    assert len(raw) == len(FIRST)
    fillable, own = without_identities(raw)
    assert _restored(fillable, own) == raw
    assert (fillable is first) is alike
