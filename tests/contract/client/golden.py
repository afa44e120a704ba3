"""What each command prints: ``python -m tests.contract.client.golden`` renews the stored files."""

import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from tests.contract.client import lens, running

FOLDER = Path(__file__).parent / "golden"
_TITLE = "=== "


class Case(NamedTuple):
    """A command line; ``columns`` are those of its terminal, None for pipes."""

    name: str
    command: str
    columns: int | None = None
    environ: Mapping[str, str] = {}


_PIPED = {
    "alerts": "alerts",
    "alerts-critical": "alerts --severity critical -o wide",
    "alerts-name": "alerts -o name",
    "alerts-of-a-namespace": "alerts -n research -o custom-columns=TYPE:.type,POD:.pod",
    "events": "events",
    "events-of-a-node": "events --for node/gpu-node-3",
    "events-since": "events --since 15m -o csv",
    "events-types": "events --types Kubernetes -o yaml",
    "fit-no": "fit --gpus 8 --replicas 4",
    "fit-yes": "fit --gpus 1",
    "fit-json": "fit --gpus 1 -o json",
    "fit-file": "fit -f {manifest}",
    "gpu": "gpu gpu-node-1",
    "gpu-json": "gpu gpu-node-1 -o json",
    "gpu-wide": "gpu gpu-node-1 -o wide",
    "gpu-without-telemetry": "gpu node/gpu-node-5",
    "gpu-no-node": "gpu --no-node",
    "gpu-no-node-csv": "gpu --no-node -n research -o csv",
    "gpu-no-node-json": "gpu --no-node -o json",
    "gpu-no-node-wide": "gpu --no-node -o wide",
    "gpu-unknown-node": "gpu nope",
    "namespaces": "namespaces",
    "namespaces-json": "namespaces -o json",
    "nodes": "nodes",
    "nodes-csv": "nodes -o csv",
    "nodes-custom-columns": "nodes -o custom-columns=N:.node_name,FREE:.available_gpus,X:.x,ALL:.resources",
    "nodes-json": "nodes -o json",
    "nodes-jsonpath": "nodes -o 'jsonpath={{range .nodes[?(@.available_gpus>0)]}}{{.node_name}}, {{end}}'",
    "nodes-name": "nodes -o name",
    "nodes-no-headers": "nodes --no-headers",
    "nodes-sorted": "nodes --sort-by=-utilization",
    "nodes-unknown-field": "nodes --sort-by=nope",
    "nodes-unknown-format": "nodes -o xml",
    "nodes-wide": "nodes -o wide",
    "nodes-yaml": "nodes -o yaml",
    "old": "nodes --max-age 0.5s",
    "pending": "pending -A",
    "pending-csv": "pending -A -o csv",
    "pending-wide": "pending -n research -o wide",
    "status": "status",
    "status-csv": "status -o csv",
    "status-json": "status -o json",
    "status-of-a-namespace": "status -n ml-team",
    "status-wide": "status -o wide",
    "status-yaml": "status -o yaml",
    "tasks": "tasks -A",
    "tasks-csv": "tasks -o csv",
    "tasks-json": "tasks -n research -o json",
    "tasks-of-a-node": "tasks --node npu-node-1",
    "tasks-nowhere": "tasks -n nowhere",
    "tasks-wide": "tasks -n ml-team -o wide",
    "why-claim": "why pod/claiming-0",
    "why-gated": "why pod/sweep-worker-0 -n research",
    "why-json": "why pod/sweep-worker-0 -o jsonpath={{.tasks[*].state}}",
    "why-nothing": "why pod/nope -n research",
    "why-running": "why job/bert",
    "why-short": "why job/large",
}
_ON_TERMINALS = (
    "alerts",
    "events",
    "fit-no",
    "gpu",
    "gpu-no-node",
    "namespaces",
    "nodes",
    "pending",
    "status",
    "tasks",
    "why-short",
)


def cases() -> list[Case]:
    """Return all cases."""
    return list(_cases())


def _cases() -> Iterator[Case]:
    for name, command in _PIPED.items():
        yield Case(name, command)
    for name in _ON_TERMINALS:
        for columns in (40, 80, 160):
            yield Case(f"{name}.{columns}", _PIPED[name], columns, {"NO_COLOR": "1"})
    yield Case("nodes.colours", "nodes", 120)
    yield Case("nodes.dumb", "nodes", 80, {"TERM": "dumb"})
    yield Case("nodes.ascii", "nodes", 120, {"LC_ALL": "C", "NO_COLOR": "1"})
    yield Case("tasks.ascii", "tasks -A", 120, {"LC_ALL": "POSIX", "NO_COLOR": "1"})
    yield Case("nodes-yaml.terminal", "tasks -n research -o yaml", 80)
    yield Case("tasks-name.terminal", "tasks -n research -o name", 80)
    yield Case("tasks-jsonpath.terminal", "tasks -n research -o jsonpath={{.tasks[*].pod_name}}", 80)
    yield Case("nodes-wide.40", "nodes -o wide", 40, {"NO_COLOR": "1"})
    one = {"LENS_TOKEN": lens.NAMESPACED_TOKEN}
    for name, command in (
        ("status", "status"),
        ("status-json", "status -o json"),
        ("status-of-the-namespace", "status -n research"),
        ("nodes", "nodes"),
        ("tasks", "tasks -n research"),
        ("other-tasks", "tasks -n ml-team"),
        ("why", "why pod/claiming-0 -n research"),
        ("alerts", "alerts -n research"),
    ):
        yield Case(f"one-namespace.{name}", command, None, one)


def printed(case: Case, url: str, manifest: Path) -> str:
    """Return what a case prints, as it is stored."""
    arguments = shlex.split(case.command.format(manifest=manifest))
    if case.columns is None:
        ran = running.run(url, arguments, case.environ)
    else:
        ran = running.run_on_terminal(url, arguments, case.columns, case.environ)
    stderr = f"--- stderr\n{ran.stderr}" if ran.stderr else ""
    text = f"{ran.stdout}{stderr}--- exit status {ran.status}\n"
    return text.replace(url, "http://lens").replace(str(manifest), "job.yaml").replace("\x1b", "␛")


def stored() -> dict[str, str]:
    """Return what is stored, by the cases' names."""
    found = {}
    for file in FOLDER.glob("*.txt"):
        for part in file.read_bytes().decode().split(_TITLE)[1:]:
            title, _, text = part.partition("\n")
            found[title] = text
    return found


def write() -> None:
    """Store what all cases print now, those of a command in one file."""
    import tempfile

    files: dict[str, str] = {}
    with lens.running() as server, tempfile.NamedTemporaryFile(suffix=".yaml") as manifest:
        manifest.write(b"kind: Pod\n")
        manifest.flush()
        for case in cases():
            text = printed(case, server.url, Path(manifest.name))
            command = case.command.partition(" ")[0]
            files[command] = f"{files.get(command, '')}{_TITLE}{case.name}\n{text}"
    for file in FOLDER.glob("*.txt"):
        file.unlink()
    for command, text in files.items():
        (FOLDER / f"{command}.txt").write_bytes(text.encode())


if __name__ == "__main__":
    write()
