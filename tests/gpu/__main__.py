"""Hold the agent against nvidia-smi on a machine with NVIDIA GPUs, idle and under a load: `make gpu-check`.

Prints both values of each field. Exits with 1 if one differs by more than its tolerance, and with 2 where
nothing can be compared.
"""

import argparse
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec

from lens.model.gpu.node_report import Gpu, Report
from tests.bench.process import Process, ProcessError, answers
from tests.e2e.cluster import ports
from tests.gpu import smi
from tests.gpu.fields import NAMES, Comparison, Value, compare
from tests.gpu.smi import SmiError

INTERVAL_S = 1.0
DEADLINE_S = 60.0
REST_S = 10.0
"""What differs may only be moving: it has so long to come to rest."""
BUSY_PERCENT = 90.0
LINE = "  {:<40} {:>38} {:>42}  {:<16} {}"


class CheckError(Exception):
    """Nothing can be compared; the message says why."""


def main() -> int:
    """Compare, print, and return the exit status."""
    parser = argparse.ArgumentParser(prog="gpu-check")
    parser.add_argument("--rest-seconds", type=float, default=REST_S, help="How long values may move.")
    rest_seconds = parser.parse_args().rest_seconds
    try:
        smi.query(NAMES)
        with tempfile.TemporaryDirectory() as folder, _agent(Path(folder)) as report:
            differences = _check("idle", report, rest_seconds)
            with _load():
                differences += _check("under a load", report, rest_seconds, least_percent=BUSY_PERCENT)
    except (SmiError, CheckError, ProcessError, OSError) as error:
        print(f"gpu-check: {error}", file=sys.stderr)
        return 2
    print(f"\n{differences} differences" if differences else "\nThe agent and nvidia-smi agree.")
    return 1 if differences else 0


@contextmanager
def _agent(folder: Path) -> Iterator[Callable[[], Report]]:
    """Run the agent; give what returns a report whose round began after the call. Raise CheckError."""
    (port,) = ports.free(1)
    settings = {
        "LENS_AGENT_NODE": "gpu-check",
        "LENS_AGENT_LISTEN": f"127.0.0.1:{port}",
        "LENS_AGENT_INTERVAL_SECONDS": str(INTERVAL_S),
        "LENS_AGENT_PODRESOURCES_SOCKET": str(folder / "no-kubelet.sock"),
        "LENS_AGENT_LOG_LEVEL": "warning",
    }
    url = f"http://127.0.0.1:{port}"
    with Process([sys.executable, "-m", "lens", "agent"], settings) as process:
        process.until(answers(f"{url}/healthz"))

        def report() -> Report:
            called, deadline = time.time(), time.monotonic() + DEADLINE_S
            while time.monotonic() < deadline:
                with urllib.request.urlopen(f"{url}/v1/devices", timeout=10) as answer:
                    seen = msgspec.json.decode(answer.read(), type=Report)
                if seen.driver.state in ("absent", "failed"):
                    raise CheckError(f"the agent finds the driver {seen.driver.state}: {seen.driver.reason}")
                if seen.gpus and min(gpu.sampled_at for gpu in seen.gpus) > called:
                    return seen
                time.sleep(0.05)
            raise CheckError(f"the agent had no sample in {DEADLINE_S:g} s")

        # The first round takes no window of samples yet.
        report()
        yield report


@contextmanager
def _load() -> Iterator[None]:
    """Keep all GPUs busy, each by a process of its own."""
    with ExitStack() as stack:
        for gpu in smi.query(["uuid"]):
            visible = {"CUDA_VISIBLE_DEVICES": gpu["uuid"] or ""}
            stack.enter_context(Process([sys.executable, "-m", "tests.gpu.load"], visible)).ready()
        yield


def _check(when: str, report: Callable[[], Report], rest_seconds: float, least_percent: float = 0.0) -> int:
    """Print what both tell of each GPU once it is the same, or is not in time; return what differs."""
    deadline = time.monotonic() + rest_seconds
    while True:
        compared = _compared(report)
        idlers = [gpu for gpu, _ in compared if not _is_busy(gpu, least_percent)]
        differing = [each for _, comparisons in compared for each in comparisons if not each.agree]
        moving = bool(differing or idlers) and all(each.field.moves for each in differing)
        if not moving or time.monotonic() > deadline:
            break
    for gpu, comparisons in compared:
        _print(f"GPU {gpu.index}, {when}", comparisons)
    for gpu in idlers:
        print(f"  the load does not show on GPU {gpu.index}: its utilization is {gpu.utilization_percent} %")
    return len(differing) + len(idlers)


def _is_busy(gpu: Gpu, least_percent: float) -> bool:
    # Under MIG the load is on one instance alone.
    return bool(gpu.mig_enabled) or (gpu.utilization_percent or 0.0) >= least_percent


def _compared(report: Callable[[], Report]) -> list[tuple[Gpu, list[Comparison]]]:
    """Hold a round of the agent's against nvidia-smi before and after it. Raise CheckError."""
    before = {row["uuid"]: row for row in smi.query(NAMES)}
    told = report()
    after = {row["uuid"]: row for row in smi.query(NAMES)}
    uuids = {gpu.uuid for gpu in told.gpus}
    if not uuids == before.keys() == after.keys():
        raise CheckError(f"nvidia-smi has the GPUs {', '.join(map(str, before))}, and the agent {uuids}")
    return [(gpu, compare(told, gpu, before[gpu.uuid], after[gpu.uuid])) for gpu in told.gpus]


def _print(title: str, compared: Sequence[Comparison]) -> None:
    print(f"\n{title}")
    print(LINE.format("field", "nvidia-smi", "agent", "allowed", "").rstrip())
    for each in compared:
        # What moves is shown as it was before and after.
        smis = dict.fromkeys((_shown(each.before), _shown(each.after)))
        remark = "" if each.agree else "DIFFERS"
        cells = (each.field.name, " to ".join(smis), _shown(each.agent), each.field.allowed, remark)
        print(LINE.format(*cells).rstrip(), flush=True)


def _shown(value: Value) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "on" if value else "off"
    return value if isinstance(value, str) else f"{value:.10g}" if value == round(value) else f"{value:.2f}"


if __name__ == "__main__":
    sys.exit(main())
