"""A container of Lens' image under runc, as containerd starts it: its user, a read-only root, no rights."""

import json
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

SHELLS = ("sh", "bash", "dash")


@dataclass
class Container:
    """Runs within a ``with`` block, on the machine's network; what it prints goes to a file.

    `configuration` is the image's, `root` the folder with its files, `folder` one of the container's own.
    `user` (uid:gid), `arguments` and `environment` go before the image's; `mounts` are files of the machine,
    to read.
    """

    configuration: Mapping[str, Any]
    root: Path
    folder: Path
    arguments: Sequence[str] | None = None
    environment: Mapping[str, str] | None = None
    mounts: Sequence[Path] = ()
    user: str | None = None

    def __enter__(self) -> Self:
        self.folder.mkdir()
        (self.folder / "config.json").write_text(json.dumps(self._specification()))
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*self._runc, "run", "--bundle", self.folder, self.folder.name], stdout=log, stderr=log
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        subprocess.run([*self._runc, "delete", "--force", self.folder.name], check=False, capture_output=True)
        self.process.wait(timeout=30)

    @property
    def log(self) -> Path:
        """The file with all that it has printed."""
        return self.folder / "log"

    def processes(self) -> list[int]:
        """Return the ids of its processes, as the machine numbers them."""
        listed = subprocess.run(
            [*self._runc, "ps", "--format=json", self.folder.name], check=True, capture_output=True
        )
        found: list[int] = json.loads(listed.stdout)
        return found

    def signal(self, number: signal.Signals) -> None:
        """Signal its first process, as containerd does."""
        subprocess.run([*self._runc, "kill", self.folder.name, str(int(number))], check=True)

    def wait(self, deadline_s: float = 30) -> int:
        """Wait until it has ended; return its exit code."""
        return self.process.wait(timeout=deadline_s)

    @property
    def _runc(self) -> list[str]:
        return ["runc", "--root", str(self.folder / "state")]

    def _specification(self) -> dict[str, Any]:
        """Return its config.json (https://github.com/opencontainers/runtime-spec/blob/main/config.md)."""
        image = self.configuration["config"]
        user, group = map(int, (self.user or image["User"]).split(":"))
        command = image["Cmd"] if self.arguments is None else self.arguments
        files = [(str(path), str(path), "bind", ["rbind", "ro"]) for path in self.mounts]
        return {
            "ociVersion": "1.0.2",
            "process": {
                "user": {"uid": user, "gid": group},
                "args": [*image["Entrypoint"], *command],
                "env": [
                    *image["Env"],
                    *(f"{key}={value}" for key, value in (self.environment or {}).items()),
                ],
                "cwd": image.get("WorkingDir") or "/",
                "noNewPrivileges": True,
            },
            "root": {"path": os.path.abspath(self.root), "readonly": True},
            "mounts": [
                {"destination": destination, "source": source, "type": kind, "options": options}
                for destination, source, kind, options in [
                    ("/proc", "proc", "proc", []),
                    ("/dev", "tmpfs", "tmpfs", ["nosuid", "mode=755"]),
                    *files,
                ]
            ],
            "linux": {"namespaces": [{"type": kind} for kind in ("pid", "ipc", "uts", "mount", "cgroup")]},
        }
