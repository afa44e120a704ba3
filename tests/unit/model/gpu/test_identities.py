"""What stands in place of an identity makes no two GPUs one."""

import pytest

from lens.model.gpu.identities import are_uuids, identity

UUID = "GPU-5fd4f087-86f3-7a43-b711-4771313afc50"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        "0",
        "0x0",
        "0x0000000000000000",
        "GPU-",
        "GPU-00000000-0000-0000-0000-000000000000",
        "MIG-00000000-0000-0000-0000-000000000000",
        "00000000-0000-0000-0000-000000000000",
        "ffffffff-ffff-ffff-ffff-ffffffffffff",
        "0xFFFFFFFFFFFFFFFF",
        "xxxxxxxx",
        "N/A",
        "n.a.",
        "[N/A]",
        "NA",
        "none",
        "null",
        "Unknown",
        "GPU-unknown",
        "[Not Supported]",
        "Not Specified",
        "To Be Filled By O.E.M.",
        "Default string",
        "\ufffd\ufffd",
        "\x00\x00",
    ],
)
def test_a_placeholder_is_no_identity(text: str) -> None:
    assert identity(text) is None
    assert not are_uuids([UUID, text])
    assert not are_uuids([text, UUID])


@pytest.mark.parametrize(
    "text",
    [
        UUID,
        "MIG-GPU-5fd4f087-86f3-7a43-b711-4771313afc50/7/0",
        "ccff74a1-0000-1000-80e0-c6d49f5b0d86",
        "692409005408",
        "PCB054219-0038",
        "GPU-0",
        "GPU-a",
    ],
)
def test_any_other_text_is_one(text: str) -> None:
    assert identity(text) == text


def test_nothing_is_none() -> None:
    assert identity(None) is None


def test_uuids_are_told_from_other_texts_together() -> None:
    assert are_uuids([UUID, UUID.removeprefix("GPU-"), f"MIG-{UUID[4:]}"])
    assert are_uuids([])
    for other in ("GPU-0", UUID[:-1], f"{UUID}0", f"x{UUID}", UUID.replace("-", "")):
        assert not are_uuids([UUID, other])
