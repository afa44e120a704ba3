"""The resolver of `make chaos` answers as RFC 1035 has it."""

from pathlib import Path
from struct import unpack

import pytest

from tests.chaos.names import DOMAIN, NAME, Mode, Names


def question(name: str, kind: int = 1) -> bytes:
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x01" + labels + bytes([0, 0, kind, 0, 1]) + b"more"


def answered(asked: bytes, mode: Mode = "right") -> tuple[int, int, bytes]:
    """Return an answer's code, its number of records, and what follows its question."""
    names = Names(Path(), "127.0.0.9")
    with names.answering(mode):
        answer = names.answer(asked)
    assert answer is not None
    end = asked.index(b"\0", 12) + 5
    assert (answer[:2], answer[12:end]) == (asked[:2], asked[12:end])
    flags, questions, records, *others = unpack("!5H", answer[2:12])
    assert (flags >> 15, questions, others) == (1, 1, [0, 0])
    return flags & 15, records, answer[end:]


def test_the_name_has_an_address_of_version_4() -> None:
    code, records, rest = answered(question(f"{NAME}.{DOMAIN}"))
    assert (code, records) == (0, 1)
    assert rest == b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x00\x00\x04\x7f\x00\x00\x09"
    assert answered(question(f"{NAME}.{DOMAIN}", kind=28)) == (0, 0, b"")


@pytest.mark.parametrize("name", [NAME, f"{NAME}.svc.{DOMAIN}", "example.org"])
def test_there_is_no_other_name(name: str) -> None:
    assert answered(question(name)) == (3, 0, b"")


def test_in_a_fault_there_is_none_or_no_answer() -> None:
    asked = question(f"{NAME}.{DOMAIN}")
    assert answered(asked, "no such name") == (3, 0, b"")
    names = Names(Path(), "127.0.0.9")
    with names.answering("silent"):
        assert names.answer(asked) is None
    assert names.answer(asked) is not None
