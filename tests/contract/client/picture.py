"""The picture of docs/kubectl-lens.md: ``python -m tests.contract.client.picture`` draws it."""

import io
import re
from pathlib import Path
from unittest import mock

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

from tests.contract.client import cluster, lens, running

PATH = Path(__file__).parents[3] / "docs" / "kubectl-lens.svg"

COLUMNS = 96
COMMANDS = ("nodes", "why job/large", "fit --gpus 8 --replicas 4")

_NODES = [
    cluster.node("gpu-node-1", 8, 0, utilization=67.5, running_tasks=4),
    cluster.node("gpu-node-2", 4, 3, unhealthy=1, utilization=71.2, running_tasks=2),
    cluster.node("gpu-node-3", 2, 0, unavailable=6, schedulable=False, unschedulable=True, utilization=93.1),
    cluster.node("gpu-node-4", 2, 6, utilization=12.4, running_tasks=2),
    cluster.node("nvl72-rack-1", 66, 6, product="NVIDIA-GB200", utilization=88.0, running_tasks=17),
]
_NAMES = {"node_names": ["gpu-node-1", "gpu-node-2", "gpu-node-4"]}
_SHORT = {**cluster.SHORT, "nodes": 4, **_NAMES}
_CORDONED = cluster.reason("unschedulable", 1, "node(s) were unschedulable", node_names=["gpu-node-3"])
_SCHEDULER = "0/5 nodes are available: 1 node(s) were unschedulable, 4 Insufficient nvidia.com/gpu."
_WAITING = cluster.waiting("ml-team", "large-worker-0", message=_SCHEDULER)
_WAITING["fit"] = {**_WAITING["fit"], "reasons": [_SHORT, _CORDONED]}
_PODS = {"fits": "no", "replicas": 4, "placed": 0, "reasons": [_SHORT, _CORDONED], "placements": []}
_FIT = {
    **cluster.FIT_NO,
    "placed": 0,
    "max_replicas": 0,
    "pods": [{"name": "Pod", "message": _SCHEDULER, **_PODS}],
    "quota": None,
    "nearest": [
        {"change": "gpus", "value": "3", "gpus": 3, "replicas": 4},
        {"change": "product", "value": "NVIDIA-GB200", "gpus": 6, "replicas": 1},
    ],
    "evictable": None,
}


def drawn() -> str:
    """Return the picture, as SVG."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    with (
        lens.running() as server,
        mock.patch.object(cluster, "NODES", _NODES),
        mock.patch.object(cluster, "PENDING", [_WAITING]),
        mock.patch.object(cluster, "FIT_NO", _FIT),
    ):
        for command in COMMANDS:
            console.print(Text(f"$ kubectl lens {command}", style="bold"))
            ran = running.run_on_terminal(server.url, command.split(), COLUMNS)
            console.print(Text.from_ansi(ran.stdout.rstrip("\n")))
            console.print()
    # Without rich's fonts, which a browser would load from elsewhere.
    style = re.sub(r"@font-face \{\{.*?\}\}\n", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    style = re.sub(r" *<!--.*?-->\n", "", style).replace(
        "Fira Code, monospace", "ui-monospace, Menlo, Consolas, monospace"
    )
    return console.export_svg(title="kubectl lens", theme=MONOKAI, code_format=style, unique_id="lens")


if __name__ == "__main__":
    PATH.write_text(drawn())
