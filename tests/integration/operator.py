"""`lens` in a process of its own, as a user starts it."""

import json
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from lens.__main__ import main
from tests.integration.forked import Forked

DEADLINE_S = 60.0
# Where `lens serve` and `lens mcp` listen, as their logs say; and the demo's Lens, as its introduction says.
LISTENING = r'"listening", "address": "([^"]+)"'
LENS = r"Lens +(http://127\.0\.0\.1:\d+)\n"


def environment(**settings: str) -> dict[str, str]:
    """Return this process's environment with these settings of Lens and no others."""
    rest = {name: value for name, value in os.environ.items() if not name.startswith("LENS_")}
    return {**rest, **{f"LENS_{name.upper()}": value for name, value in settings.items()}}


def wait_for(condition: Callable[[], bool], what: str) -> None:
    """Look until a condition holds. Raise AssertionError past the deadline."""
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, f"not in {DEADLINE_S:g} s: {what}"
        time.sleep(0.05)


class Command:
    """A running `lens …`; its output goes to a file. Ends with the block."""

    def __init__(
        self,
        args: Sequence[str],
        output: Path,
        env: Mapping[str, str],
        *,
        forked: bool = False,
        run: Callable[[], object] = main,
    ) -> None:
        """Start it: from nothing, as a user does, or, in a fraction of the time, forked.

        ``run`` is for a forked one, and for what no command line sets.
        """
        self.output = output
        self.process: subprocess.Popen[bytes] | Forked
        if forked:
            output.touch()
            self.process = Forked(args, env, output, run=run)
            return
        with output.open("wb") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "lens", *args], stdout=file, stderr=file, env=dict(env)
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    @property
    def text(self) -> str:
        """Return what it has printed so far."""
        return self.output.read_text()

    def wait_for_text(self, wanted: str) -> str:
        """Wait until it has printed something; return all that it has."""
        return self.wait_for_match(re.escape(wanted)).string

    def wait_for_match(self, pattern: str) -> re.Match[str]:
        """Wait until its output has a match; return the first.

        The pattern has to end with what follows the wanted part: output is read while it is being written.
        """
        found: list[re.Match[str]] = []

        def search() -> bool:
            ended = self.process.poll() is not None
            found.extend(re.finditer(pattern, self.text))
            return bool(found) or ended

        wait_for(search, f"{pattern!r} in the output")
        assert found, self.text
        return found[0]

    def end(self) -> int:
        """Send SIGTERM; return the exit status."""
        self.process.terminate()
        return self.process.wait(timeout=20)


def get(url: str, token: str | None = None) -> tuple[int, Any]:
    """Return an answer's status and document; status 0 when nobody listens."""
    request = urllib.request.Request(url, headers={"Cache-Control": "no-cache"})
    if token is not None:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())
    except urllib.error.URLError:
        return 0, None
