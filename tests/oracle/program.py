"""The oracle: a Go program made of kube-scheduler's packages, see ``go/main.go``.

``python -m tests.oracle.program`` builds it, which takes minutes the first time.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests import required
from tests.e2e.cluster.programs import binaries

PROGRAM = "fit-oracle"
ORACLE = binaries.Part(
    PROGRAM, str(Path(__file__).parent / "go"), {PROGRAM: "."}, binaries.KUBERNETES_VERSION
)

Object = dict[str, Any]
Answer = dict[str, Any]


class OracleError(Exception):
    """The oracle ended; the message is what it wrote."""


def build() -> Path:
    """Build the oracle unless it is there; return its path. Raise BuildError."""
    required.BUILT.mkdir(parents=True, exist_ok=True)
    binaries.build(required.BUILT, ORACLE)
    return required.BUILT / PROGRAM


def main() -> None:
    """Build it, and say where it is."""
    try:
        print(f"The oracle is {build()}")
    except binaries.BuildError as error:
        sys.exit(f"oracle: {error}")


class Oracle:
    """A running oracle, which answers one fleet after another."""

    def __init__(self, program: Path) -> None:
        """Start it."""
        self._process = subprocess.Popen(
            [program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def send(self, fleet: Object) -> None:
        """Ask about a fleet; ``answers`` has the answers, in the same order."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(fleet).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise OracleError(self._end()) from None

    def answers(self) -> Sequence[Answer]:
        """Return what it says of each pod that was asked about. Raise OracleError."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise OracleError(self._end())
        answers: list[Answer] = json.loads(line)
        return answers

    def ask(self, fleet: Object) -> Sequence[Answer]:
        """Return what it says of each pod that a fleet is asked about. Raise OracleError."""
        self.send(fleet)
        return self.answers()

    def _end(self) -> str:
        _, written = self._process.communicate()
        return f"the oracle ended with {self._process.returncode}: {written.decode()[-4000:]}"

    def __enter__(self) -> Self:
        """Return the oracle."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()


if __name__ == "__main__":
    main()
