"""The process of the surroundings, as the attack starts and commands it."""

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any, Self

from tests.attack.subject import prefer


class SurroundingsProcess:
    """The process; leaving the context ends it."""

    def __init__(self, nodes: int, token: str) -> None:
        """Start it, and wait until all of it listens."""
        args = ["--nodes", str(nodes), "--token", token]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.attack.surroundings", *args],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        prefer(self._process.pid)
        where = self._line()
        self.apiserver_port: int = where["apiserver"]
        self.agents_port: int = where["agents"]
        self.peer_port: int = where["peer"]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def do(self, function: Callable[..., Any], **given: Any) -> Any:
        """Call a function there, with these arguments after the Surroundings; return what it returns."""
        assert self._process.stdin
        call = f"{function.__module__}:{function.__name__}"
        self._process.stdin.write(json.dumps({"call": call, "arguments": given}) + "\n")
        self._process.stdin.flush()
        answer = self._line()
        if "failed" in answer:
            raise RuntimeError(answer["failed"])
        return answer["done"]

    def _line(self) -> dict[str, Any]:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the surroundings have ended with {self._process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        return answer
