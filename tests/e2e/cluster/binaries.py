"""Build the cluster's programs from the Go modules that `go/go.mod` pins."""

import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

from tests.e2e.cluster.lock import exclusive

MODULE = Path(__file__).parent / "go"
KWOK_STAGES = "kwok-stages.yaml"

# `pod-complete` is left out: it ends a Job's pod as soon as it runs, and here the tests say when a pod ends.
STAGES = (
    "node/fast/node-initialize.yaml",
    "node/heartbeat-with-lease/node-heartbeat-with-lease.yaml",
    "pod/fast/pod-ready.yaml",
    "pod/fast/pod-delete.yaml",
)


class BuildError(Exception):
    """The Go toolchain is missing or failed; the message says what to do."""


def kubernetes_version() -> str:
    """Return the pinned version of Kubernetes, such as `v1.37.2`."""
    return _pinned("k8s.io/kubernetes")


def versions() -> dict[str, str]:
    """Return the pinned version of each module that the cluster is made of."""
    modules = ("k8s.io/kubernetes", "go.etcd.io/etcd/server/v3", "sigs.k8s.io/kwok")
    return {module: _pinned(module) for module in modules}


def build(directory: Path) -> bool:
    """Build the programs into `directory`, unless those there are of this go.mod and go.sum.

    Takes minutes the first time and seconds with a warm build cache. Returns whether anything was built.
    Raises BuildError.
    """
    stamp = directory / "stamp"
    with exclusive(directory / ".lock"):
        if stamp.is_file() and stamp.read_text() == _recipe():
            return False
        stamp.unlink(missing_ok=True)
        _go("install", "-trimpath", "-ldflags", _ldflags(), "tool", gobin=directory)
        (directory / "server").replace(directory / "etcd")  # go names a program after its package's folder
        _collect_stages(directory / KWOK_STAGES)
        stamp.write_text(_recipe())
    return True


def _pinned(module: str) -> str:
    found = re.search(rf"^\s*{re.escape(module)} (v\S+)", (MODULE / "go.mod").read_text(), re.MULTILINE)
    if found is None:
        raise BuildError(f"{MODULE / 'go.mod'}: no version of {module}")
    return found[1]


def _ldflags() -> str:
    """Give the version that an official build has: without it the server calls itself `v0.0.0-master`."""
    version = kubernetes_version()
    major, minor, _ = version.removeprefix("v").split(".", 2)
    variable = "k8s.io/component-base/version"
    values = {"gitVersion": version, "gitMajor": major, "gitMinor": minor}
    return " ".join(["-s", "-w", *(f"-X {variable}.{name}={value}" for name, value in values.items())])


def _recipe() -> str:
    """Return a digest of all that decides what the build makes."""
    digest = hashlib.sha256(f"{_ldflags()} {STAGES}".encode())
    for name in ("go.mod", "go.sum"):
        digest.update((MODULE / name).read_bytes())
    return digest.hexdigest()


def _collect_stages(target: Path) -> None:
    """Write kwok's own stages, which live in its module, as one file."""
    folder = Path(_go("list", "-m", "-f", "{{.Dir}}", "sigs.k8s.io/kwok").strip()) / "kustomize" / "stage"
    target.write_text("\n---\n".join((folder / stage).read_text() for stage in STAGES))


def _go(*arguments: str, gobin: Path | None = None) -> str:
    if shutil.which("go") is None:
        raise BuildError("go is not on PATH: the cluster is built from Go modules and needs Go 1.26 or newer")
    environment = {**os.environ, "CGO_ENABLED": "0"}  # as official builds are; and it spares a C compiler
    if gobin is not None:
        environment["GOBIN"] = str(gobin.resolve())
    done = subprocess.run(
        ["nice", "go", *arguments], cwd=MODULE, env=environment, check=False, capture_output=True, text=True
    )
    if done.returncode != 0:
        raise BuildError(f"go {arguments[0]} failed in {MODULE}:\n{done.stderr[-4000:]}")
    return done.stdout
