"""What the real kubectl makes of JSONPath templates: ``python -m tests.unit.client.kubectl`` stores it.

It takes kubectl, which formats a local file without a cluster. Templates whose order of map values is Go's
random one aren't among them.
"""

import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
TEMPLATES = FOLDER / "templates.txt"
STORED = FOLDER / "kubectl_jsonpath.json"

DOCUMENT: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "x", "labels": {"b": "2", "a": "1"}, "annotations": {"x": "y"}},
    "data": {"k": "v"},
    "nodes": [
        {
            "name": "n1",
            "free": 3,
            "util": 67.5,
            "zero": 0,
            "none": None,
            "ok": True,
            "taints": ["a", "b"],
            "r": [{"x": 1}, {"x": 2}],
        },
        {"name": "n2", "free": 0, "util": None, "ok": False, "taints": [], "r": []},
        {
            "name": "n.3",
            "free": 8,
            "util": 99.9,
            "ok": True,
            "taints": ["c"],
            "r": [{"x": 7, "deep": {"y": [1, 2, [3]]}}],
        },
    ],
    "e": [],
    "s": 'tab\tq"<&>',
    "dotted.key": "dk",
}


def main() -> None:
    """Store the templates' results; None for those that kubectl refuses."""
    found: dict[str, str | None] = {}
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(DOCUMENT, file)
        file.flush()
        for template in TEMPLATES.read_text().splitlines():
            done = subprocess.run(
                ["kubectl", "annotate", "--local", "-f", file.name, "x=y", "-o", f"jsonpath={template}"],
                capture_output=True,
                text=True,
                check=False,
            )
            found[template] = done.stdout if done.returncode == 0 else None
    STORED.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
