"""A case file of the record is the question that Lens had, also with claims and under other names."""

import json
from collections.abc import Iterator

import pytest

from lens.model.fit.engine import fit
from lens.model.fit.record.case import fleet_of
from tests import required
from tests.oracle import cases, run
from tests.oracle.lens import Lens
from tests.oracle.program import PROGRAM, Object, Oracle
from tests.profiles import full_or
from tests.unit.model.fit.record.test_case import whole


@pytest.fixture(scope="module")
def oracle() -> Iterator[Oracle]:
    with Oracle(required.program(PROGRAM)) as running:
        yield running


@pytest.mark.parametrize("anonymous", [False, True])
def test_kube_scheduler_says_of_a_case_file_what_lens_had_said(oracle: Oracle, anonymous: bool) -> None:
    tried, fitting, differences = 0, 0, []
    for seed in range(1000, 1000 + full_or(60, 300)):
        made = cases.fleet(seed, 1)
        if not made.get("resourceSlices"):
            continue
        lens = Lens(made)
        seen = lens.state.fleet()
        question = lens.read(made["asked"][0])
        said = fit(seen, question)
        if not said.complete:
            continue
        file: Object = json.loads(json.dumps(fleet_of(whole(question, seen), anonymous=anonymous)))
        tried += 1
        fitting += said.fits == "yes"
        found = run.check(oracle, file)
        (theirs,) = oracle.ask(file)
        if theirs["fits"] is not (said.fits == "yes"):
            found.append(f"Lens {said.fits}, the file {theirs}")
        differences += [f"{seed}: {each}" for each in found]
    print(f"{tried} case files, {fitting} yes")
    assert differences == []
    assert 0 < fitting < tried
