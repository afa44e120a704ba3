"""Builds the peers that are not Python into `build/peers/bin`, each again only when its inputs changed."""

import hashlib
import subprocess
from collections.abc import Sequence
from pathlib import Path

PEERS = Path(__file__).parent
ROOT = PEERS.parents[2]
BUILD = ROOT / "build" / "peers"
KUBECTL_VIEW_ALLOCATIONS = "3.1.0"


def informer() -> Path:
    """Build the client-go informers (minutes, the first time); return the program."""
    return _go("informer")


def load() -> Path:
    """Build the HTTP load generator; return the program."""
    return _go("load")


def kubectl_view_allocations() -> Path:
    """Build kubectl-view-allocations from crates.io (minutes); return the program."""
    name = "kubectl-view-allocations"
    install = ["cargo", "install", "--locked", "--root", str(BUILD), name]
    return _build(name, [*install, "--version", KUBECTL_VIEW_ALLOCATIONS], ROOT, sources=[])


def _go(name: str) -> Path:
    folder = PEERS / name
    command = ["go", "build", "-o", str(BUILD / "bin" / name), "."]
    return _build(name, command, folder, sources=sorted([*folder.glob("*.go"), *folder.glob("go.*")]))


def _build(name: str, command: Sequence[str], folder: Path, sources: Sequence[Path]) -> Path:
    program = BUILD / "bin" / name
    inputs = hashlib.sha256("\0".join(command).encode())
    for source in sources:
        inputs.update(source.read_bytes())
    stamp = BUILD / f"{name}.sha256"
    if program.exists() and stamp.exists() and stamp.read_text() == inputs.hexdigest():
        return program
    # A build takes all cores: leave the machine usable.
    subprocess.run(["nice", *command], cwd=folder, check=True)
    stamp.write_text(inputs.hexdigest())
    return program


if __name__ == "__main__":
    for build in (load, informer, kubectl_view_allocations):
        print(build().relative_to(ROOT), flush=True)
