"""kubectl and helm, as people run them, with the administrator's kubeconfig or another's."""

import json
import os
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.cluster.control_plane import DIRECTORY

Manifest = dict[str, Any]


class CommandError(Exception):
    """A command ended with an error; the message is what it said."""


@dataclass(frozen=True)
class Commands:
    """Runs them, each to its end."""

    kubeconfig: Path

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """Return what kubectl prints. Raise CommandError."""
        return run(["kubectl", *arguments], self.environment, stdin)

    def helm(self, *arguments: str, version: int = 4) -> str:
        """Return what helm prints. Raise CommandError."""
        return run([str(DIRECTORY / "bin" / {4: "helm", 3: "helm3"}[version]), *arguments], self.environment)

    def get(self, *arguments: str) -> Manifest:
        """Return an object, or a list with `items`."""
        found: Manifest = json.loads(self.kubectl("get", *arguments, "--output=json"))
        return found

    def items(self, *arguments: str) -> list[Manifest]:
        """Return objects."""
        found: list[Manifest] = self.get(*arguments)["items"]
        return found

    def apply(self, *manifests: Manifest) -> None:
        """Apply objects."""
        self.kubectl(
            "apply",
            "--filename=-",
            stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests}),
        )

    @property
    def environment(self) -> dict[str, str]:
        """The variables that both know."""
        return {"KUBECONFIG": str(self.kubeconfig)}


def run(
    command: list[str], environment: Mapping[str, str], stdin: str | None = None, cwd: Path | None = None
) -> str:
    """Return what a command prints. Raise CommandError."""
    done = subprocess.run(
        command,
        env={**os.environ, **environment},
        input=stdin,
        cwd=cwd,
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise CommandError(f"{' '.join(command[:4])} …: {done.stdout[-3000:]}{done.stderr[-3000:]}")
    return done.stdout


def eventually(
    condition: Callable[[], object], what: str, deadline_s: float = 60, every_s: float = 0.2
) -> float:
    """Wait until `condition` holds, looking `every_s`; return the seconds it took. Raise TimeoutError."""
    start = time.monotonic()
    while not condition():
        if time.monotonic() - start > deadline_s:
            raise TimeoutError(f"no {what} within {deadline_s:g} s")
        time.sleep(every_s)
    return time.monotonic() - start
