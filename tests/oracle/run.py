"""Whether the fit engine and kube-scheduler agree on cases made by seed.

What they don't agree on is made small.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from random import Random
from typing import Any

from lens.model.fit.engine import fit
from lens.model.fit.trial import Trial
from tests.oracle import cases, lens
from tests.oracle.dra_cases import expanded
from tests.oracle.program import Answer, Object, Oracle

ASKED = 9
"""Pods that each fleet is asked about one by one; the first is asked about once more, as many replicas."""

MAX_REPLICAS = 12

MAX_TRIES = 400
"""Fleets that are tried to make one small."""


@dataclass
class Disagreement:
    """A fleet with one question that the two answer differently."""

    fleet: Object
    differences: list[str]


@dataclass
class Report:
    """How often they agreed; ``single`` cases are about one pod, the others about replicas."""

    seed: int
    cases: int = 0
    single: int = 0
    agreed: int = 0
    yes: int = 0
    complete: int = 0
    histograms: int = 0
    equal_histograms: int = 0
    codes: Counter[str] = field(default_factory=Counter)
    disagreements: list[Disagreement] = field(default_factory=list)

    def __str__(self) -> str:
        """Return the line that says how often they agreed."""
        return f"agreement {self.agreed}/{self.cases} (seed {self.seed})"

    def figures(self) -> dict[str, Any]:
        """Return the figures, by the names that they have in ``build/``."""
        return {
            "seed": self.seed,
            "oracle_cases": self.cases,
            "oracle_agreement": self.agreed / max(1, self.cases),
            "fit_complete_share": self.complete / max(1, self.single),
            "reason_histograms": self.histograms,
            "reason_histogram_share": self.equal_histograms / max(1, self.histograms),
            "yes_share": self.yes / max(1, self.single),
            "codes": dict(self.codes.most_common()),
        }


def run(oracle: Oracle, count: int, seed: int, *, most_disagreements: int = 5) -> Report:
    """Try that many cases; end early with too many disagreements."""
    report = Report(seed)
    # The oracle answers while the engine does, on another core.
    with ThreadPoolExecutor(1) as other:
        number = 0
        while report.cases < count and len(report.disagreements) < most_disagreements:
            fleet = cases.fleet(seed * 1_000_003 + number, min(ASKED, count - report.cases))
            number += 1
            theirs = other.submit(oracle.ask, expanded(fleet))
            ours = lens.answers(fleet)
            replicas = Random(number).randint(2, MAX_REPLICAS)
            for index, ((answer, result), their) in enumerate(zip(ours, theirs.result(), strict=True)):
                found = list(lens.differences(answer, their))
                report.single += 1
                report.complete += result.complete
                report.yes += their["fits"]
                report.codes.update({reason.code for reason in result.reasons})
                if their.get("message"):
                    report.histograms += 1
                    report.equal_histograms += answer.get("message") == their["message"]
                _note(report, found, {**fleet, "asked": [fleet["asked"][index]]})
            if report.cases < count:
                one = {**fleet, "asked": fleet["asked"][:1], "replicas": replicas}
                _note(report, list(replica_differences(oracle, one)), one)
    return report


def _note(report: Report, found: list[str], fleet: Object) -> None:
    report.cases += 1
    if found:
        report.disagreements.append(Disagreement(fleet, found))
    else:
        report.agreed += 1


def check(oracle: Oracle, fleet: Object) -> list[str]:
    """Return what the two answer differently about a fleet, or about ``replicas`` of its one pod."""
    if "replicas" in fleet:
        return list(replica_differences(oracle, fleet))
    theirs = oracle.ask(expanded(fleet))
    return [
        difference
        for (answer, _result), their in zip(lens.answers(fleet), theirs, strict=True)
        for difference in lens.differences(answer, their)
    ]


def replica_differences(oracle: Oracle, fleet: Object) -> Iterator[str]:
    """Yield where the scheduler places no replica but the engine does, and where it says otherwise why."""
    [pod], replicas = fleet["asked"], fleet["replicas"]
    read = lens.Lens(fleet)
    state, asked = read.state.fleet(), read.read(pod)
    result = fit(state, asked, replicas)
    if lens.UNDECIDED.intersection(result.not_checked):
        return
    places: list[str] = []
    given: list[tuple[str, ...]] = []
    if not asked.gates and state.nodes:
        trial = Trial(state, asked)
        if trial.refused is None:
            trial.place(replicas)
        places = trial.placed
        given = trial.devices.given if trial.devices is not None else []
    theirs = oracle.ask(expanded({**fleet, "asked": [pod] * (len(places) + 1), "places": places}))
    for index, place in enumerate(places):
        their: Answer = theirs[index]
        devices = [each.partition("=")[2] for each in their.get("devices", ())]
        # The oracle doesn't tell the devices of extended resources, which come last.
        if given and list(given[index][: len(devices)]) != devices:
            yield f"replica {index} of {replicas} on {place}: ours {given[index]}, theirs {devices}"
            return
        if not their["fits"] or place in their.get("nodes", {}):
            yield f"replica {index} of {replicas} on {place}: theirs {their}"
            return
    last = theirs[len(places)]
    if result.message is not None and result.message.startswith("running ") and last.get("error"):
        yield from lens.error_differences(result.message, last)
        return
    if result.placed < replicas and (last["fits"] or last.get("message") != result.message):
        yield f"replica {len(places)} of {replicas}: ours {result.message!r}, theirs {last}"
    if result.max_replicas is not None and result.max_replicas < result.placed:
        yield f"max_replicas {result.max_replicas} is less than placed {result.placed}"


def smaller(oracle: Oracle, found: Disagreement) -> Disagreement:
    """Return a disagreement in as small a fleet as can be found in ``MAX_TRIES``."""
    best = found
    tries = 0
    progress = True
    while progress and tries < MAX_TRIES:
        progress = False
        for candidate in _without_a_part(best.fleet):
            tries += 1
            differences = _try(lambda fleet=candidate: check(oracle, fleet))  # type: ignore[misc]
            if differences:
                best, progress = Disagreement(candidate, differences), True
                break
            if tries >= MAX_TRIES:
                break
    return best


def _try(ask: Callable[[], list[str]]) -> list[str]:
    """Return the differences; none where the fleet makes no sense any more."""
    try:
        found = ask()
    except (ValueError, KeyError, IndexError):
        return []
    return [] if any(each.startswith("kube-scheduler: ") for each in found) else found


_KEPT = frozenset(
    {"asked", "nodes", "pods", "namespaces", "metadata", "name", "namespace", "containers", "spec"}
)


def _without_a_part(value: Any) -> Iterator[Any]:
    """Yield copies of a JSON value with one element of a list or one key left out, large parts first."""
    if isinstance(value, list):
        for index in range(len(value)):
            yield value[:index] + value[index + 1 :]
        for index, each in enumerate(value):
            for less in _without_a_part(each):
                yield [*value[:index], less, *value[index + 1 :]]
    elif isinstance(value, dict):
        for key in value:
            if key not in _KEPT:
                yield {name: each for name, each in value.items() if name != key}
        for key, each in value.items():
            for less in _without_a_part(each):
                if key != "asked" or less:
                    yield {**value, key: less}


def dump(found: Disagreement) -> str:
    """Return the text of a case file."""
    return json.dumps({"differences": found.differences, "fleet": found.fleet}, indent=1) + "\n"
