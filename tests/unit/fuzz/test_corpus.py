"""What others may say is refused or read, whatever it is: the fuzz targets' corpus, once through each."""

import math
import time

import pytest

from tests.fuzz import corpus, targets
from tests.fuzz.growth import measure
from tests.fuzz.target import TARGETS, Target

assert targets, "importing them declares them"


@pytest.mark.parametrize("name", TARGETS)
def test_no_known_input_ends_a_decoder(name: str) -> None:
    inputs = corpus.inputs(name)
    assert inputs, "a target without a corpus finds little"
    for data in inputs:
        TARGETS[name].decode(data)


def test_no_corpus_is_without_its_target() -> None:
    assert {folder.name for folder in corpus.FOLDER.iterdir()} == TARGETS.keys()


def test_a_decoder_that_goes_through_its_input_again_and_again_is_found() -> None:
    def quadratic(data: bytes) -> None:
        for at in range(0, len(data), 16):
            data.find(b"\0", at)

    def linear(data: bytes) -> None:
        sum(data)

    for decode, is_found in ((quadratic, True), (linear, False)):
        target = Target("made up", decode, longest=2**20)
        found = measure(target, b"", b"x", b"", until=time.monotonic() + 60)
        assert (found is not None) is is_found
        assert found is None or math.isclose(found.exponent, 2, abs_tol=0.5)
