"""Run an attack, or all of them one after another, and measure what comes of it."""

import asyncio
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.attack import others
from tests.attack.case import Case
from tests.attack.others import Others
from tests.attack.outcome import GROWTH_BOUND_MIB, SEQUENCE_BOUND_MIB, Outcome
from tests.attack.scene import Scene, StartError, staged

LOGS = Path("build/attack")
QUIET_S = 2.0
"""For so long honest clients have Lens for themselves before it is attacked."""

START_S = 30.0
MCP_PER_SECOND = 20.0
RECOVERY_S = 30.0
SETTLE_S = 10.0
"""How long memory may take to be given back."""


class Stage(Case):
    """All that can be done to one operator, on the cluster of the bound."""

    nodes = 1_000


def alone(case: Case, *, short: bool) -> Outcome:
    """Start what is attacked, attack it, and measure."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with staged(case, folder) as scene:
            try:
                case.prepare(scene)
                scene.start()
                outcome = _measured(case, scene, short=short)
            except StartError as error:
                outcome = _outcome(case, scene)
                outcome.survived = False
                outcome.peak_mib = scene.subject.peak_mib
                outcome.problems.append(str(error))
        _keep_log(folder, case.name)
    return outcome


def in_sequence(cases: Sequence[type[Case]], *, short: bool) -> Iterator[Outcome]:
    """Do one after another to one operator; the last outcome is about all of them."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with staged(Stage(), folder) as scene:
            whole = Outcome(0, "all, in sequence", "all", "1,000 nodes, 10,000 pods", scene.limit_kind)
            try:
                scene.start()
                whole.before_mib = scene.subject.rss_mib
                for case in cases:
                    outcome = _measured(case(), scene, short=short)
                    whole.peak_mib = max(whole.peak_mib or 0.0, outcome.peak_mib or 0.0)
                    outcome.case = f"… {outcome.case}"
                    yield outcome
                    if not outcome.survived:
                        break
            except StartError as error:
                whole.problems.append(str(error))
            whole.survived = scene.subject.runs
            whole.after_mib = scene.subject.rss_mib
            if not whole.survived:
                whole.problems.append(scene.subject.end())
            if (whole.peak_mib or 0.0) > SEQUENCE_BOUND_MIB:
                whole.problems.append(f"RSS has been over {SEQUENCE_BOUND_MIB:.0f} MiB")
        _keep_log(folder, "sequence")
    yield whole


def _measured(case: Case, scene: Scene, *, short: bool) -> Outcome:
    outcome = _outcome(case, scene)
    seconds = case.short_seconds if short else case.seconds
    if not case.others:
        _attack(case, scene, seconds, outcome)
        outcome.survived = scene.subject.runs or scene.subject.was_stopped
        outcome.peak_mib = scene.subject.peak_mib
        if not outcome.survived:
            outcome.problems.append(scene.subject.end())
        return outcome
    asyncio.run(scene.warm_up())
    per_second = MCP_PER_SECOND if case.kind == "mcp" else others.PER_SECOND
    with Others(scene.port, scene.honest_requests, per_second) as honest:
        quiet = honest.began(START_S)
        time.sleep(QUIET_S)
        scene.subject.forget_peak()
        outcome.before_mib = scene.subject.rss_mib
        began = time.monotonic()
        outcome.quiet_p99_ms = others.p99_ms(honest.within(quiet, began))
        _attack(case, scene, seconds, outcome)
        ended = time.monotonic()
        outcome.recovery_s = honest.recovery(ended, RECOVERY_S) if scene.subject.runs else None
        answers = honest.within(began, ended)
        outcome.survived = scene.subject.runs
        if outcome.survived:
            before = outcome.before_mib
            scene.subject.until(lambda: scene.subject.rss_mib - before <= GROWTH_BOUND_MIB, SETTLE_S)
            outcome.after_mib = scene.subject.rss_mib
        else:
            outcome.problems.append(scene.subject.end())
    outcome.peak_mib = scene.subject.peak_mib
    outcome.others_p99_ms = others.p99_ms(answers)
    outcome.others_asked = len(answers)
    outcome.others_failed = sum(each.status != 200 for each in answers)
    if outcome.survived and outcome.recovery_s is None:
        outcome.problems.append(f"others have no good answers {RECOVERY_S:.0f} s after it")
    outcome.judge(short=short)
    return outcome


def _attack(case: Case, scene: Scene, seconds: float, outcome: Outcome) -> None:
    began = time.monotonic()
    outcome.problems += asyncio.run(case.attack(scene, seconds))
    outcome.seconds = time.monotonic() - began


def _outcome(case: Case, scene: Scene) -> Outcome:
    return Outcome(case.row, case.name, case.who, case.what, scene.limit_kind)


def _keep_log(folder: Path, name: str) -> None:
    LOGS.mkdir(parents=True, exist_ok=True)
    if (folder / "log").exists():
        shutil.copyfile(folder / "log", LOGS / f"{name}.log")
