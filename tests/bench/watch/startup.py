"""The start of each contestant on one cluster: time to ready, memory, CPU.

Each function runs its contestant once, for `turns.in_turns`, and returns these measures: `ready_s`, from
the start of the process; `ready_cpu_s`, until then; `peak_rss_mib`; `settled_rss_mib`, `settle_s` after
ready; and `allocated_gpus` where it counts by the scheduler's rules.
"""

import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.bench.peers import build
from tests.bench.process import Process, answers, run_once


def served(args: Sequence[str], env: Mapping[str, str], readyz: str, settle_s: float) -> dict[str, float]:
    """Start a server that is ready when a GET of `readyz` is answered with 200."""
    with Process(args, env) as process:
        return _settled(process, process.until(answers(readyz)), settle_s)


def client_go(kubeconfig: Path, settle_s: float, content_type: str = "") -> dict[str, float]:
    """Start the shared informers; client-go's own choice of content type for pods and nodes is protobuf."""
    args = [str(build.informer()), "-kubeconfig", str(kubeconfig), "-content-type", content_type]
    return _announced(args, settle_s)


def plain_kopf(kubeconfig: Path, pods: int, nodes: int, settle_s: float) -> dict[str, float]:
    """Start plain kopf handlers, which are ready when they know that many pods and nodes."""
    args = [sys.executable, "-P", str(build.PEERS / "plain_kopf.py"), "--kubeconfig", str(kubeconfig)]
    return _announced([*args, "--pods", str(pods), "--nodes", str(nodes)], settle_s)


def kubectl_view_allocations(kubeconfig: Path) -> dict[str, float]:
    """Run kubectl-view-allocations once: it is ready when it has answered, and keeps nothing."""
    args = [str(build.kubectl_view_allocations()), "--kubeconfig", str(kubeconfig), "--ignore-taints"]
    run = run_once([*args, "-r", "nvidia.com/gpu", "-r", "amd.com/gpu"])
    return {"ready_s": run.seconds, "ready_cpu_s": run.cpu_s, "peak_rss_mib": run.peak_rss_mib}


def _announced(args: Sequence[str], settle_s: float) -> dict[str, float]:
    with Process(args) as process:
        ready = process.ready()
        return {**_settled(process, ready.seconds, settle_s), "allocated_gpus": ready.line["allocated_gpus"]}


def _settled(process: Process, ready_s: float, settle_s: float) -> dict[str, float]:
    at_ready = process.usage()
    time.sleep(settle_s)
    settled = process.usage()
    return {
        "ready_s": ready_s,
        "ready_cpu_s": at_ready.cpu_s,
        "peak_rss_mib": settled.peak_rss_mib,
        "settled_rss_mib": settled.rss_mib,
    }
