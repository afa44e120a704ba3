"""Build programs from the Go modules that the `go.mod` files below `../go/` pin."""

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.e2e.cluster.lock import exclusive

MODULES = Path(__file__).parents[1] / "go"
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


@dataclass(frozen=True)
class Part:
    """Programs that are built together: a name, the folder of their go.mod, and each one's package.

    `variables` are Go's that are set to the version of a module.
    """

    name: str
    module: str
    programs: Mapping[str, str]
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """Return the folder with the go.mod."""
        return MODULES / self.module

    def version(self, module: str) -> str:
        """Return the pinned version of a module, such as `v1.37.2`."""
        found = re.search(
            rf"^\s*{re.escape(module)} (v\S+)", (self.folder / "go.mod").read_text(), re.MULTILINE
        )
        if found is None:
            raise BuildError(f"{self.folder / 'go.mod'}: no version of {module}")
        return found[1]

    def ldflags(self) -> str:
        """Return what tells programs their versions: without it Kubernetes calls itself `v0.0.0-master`."""
        values = {variable: self.version(module) for variable, module in self.variables.items()}
        for variable, version in list(values.items()):
            if variable.endswith(".gitVersion"):
                major, minor, _ = version.removeprefix("v").split(".", 2)
                stem = variable.removesuffix("Version")
                values |= {f"{stem}Major": major, f"{stem}Minor": minor}
        return " ".join(["-s", "-w", *(f"-X {variable}={value}" for variable, value in values.items())])

    def recipe(self) -> str:
        """Return a digest of all that decides what the build makes."""
        digest = hashlib.sha256(f"{self.ldflags()} {sorted(self.programs.items())} {STAGES}".encode())
        for file in sorted(self.folder.iterdir()):
            digest.update(file.read_bytes())
        return digest.hexdigest()


KUBERNETES_VERSION = {"k8s.io/component-base/version.gitVersion": "k8s.io/kubernetes"}

CONTROL_PLANE = Part(
    "control-plane",
    "kubernetes",
    {
        "etcd": "go.etcd.io/etcd/server/v3",
        "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
        "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
        "kube-scheduler": "k8s.io/kubernetes/cmd/kube-scheduler",
        "kubectl": "k8s.io/kubernetes/cmd/kubectl",
        "kwok": "sigs.k8s.io/kwok/cmd/kwok",
    },
    KUBERNETES_VERSION,
)
NODE = Part(
    "node",
    "kubernetes",
    {
        "kubelet": "k8s.io/kubernetes/cmd/kubelet",
        "kube-proxy": "k8s.io/kubernetes/cmd/kube-proxy",
    },
    KUBERNETES_VERSION,
)
CONTAINERD = Part(
    "containerd",
    "containerd",
    {
        name: f"github.com/containerd/containerd/v2/cmd/{name}"
        for name in ("containerd", "containerd-shim-runc-v2", "ctr")
    },
    {"github.com/containerd/containerd/v2/version.Version": "github.com/containerd/containerd/v2"},
)
CNI = Part(
    "cni",
    "cni",
    {
        path.rpartition("/")[2]: f"github.com/containernetworking/plugins/plugins/{path}"
        for path in ("main/bridge", "main/loopback", "ipam/host-local", "meta/portmap")
    },
)
COREDNS = Part("coredns", "coredns", {"coredns": "."})
HELM = Part(
    "helm",
    "helm",
    {"helm": "helm.sh/helm/v4/cmd/helm", "helm3": "helm.sh/helm/v3/cmd/helm"},
    {
        "helm.sh/helm/v4/internal/version.version": "helm.sh/helm/v4",
        "helm.sh/helm/v3/internal/version.version": "helm.sh/helm/v3",
    },
)

KREW = Part(
    "krew",
    "krew",
    {name: f"sigs.k8s.io/krew/cmd/{name}" for name in ("krew", "validate-krew-manifest")},
    {"sigs.k8s.io/krew/internal/version.gitTag": "sigs.k8s.io/krew"},
)


def versions() -> dict[str, str]:
    """Return the pinned version of each module that the cluster is made of."""
    modules = ("k8s.io/kubernetes", "go.etcd.io/etcd/server/v3", "sigs.k8s.io/kwok")
    return {module: CONTROL_PLANE.version(module) for module in modules}


def build(directory: Path, part: Part = CONTROL_PLANE) -> bool:
    """Build a part's programs into `directory`, unless those there are of its go.mod and go.sum.

    Takes minutes the first time and seconds with a warm build cache. Returns whether anything was built.
    Raises BuildError.
    """
    stamp = directory / f"stamp-{part.name}"
    with exclusive(directory / f".lock-{part.name}"):
        if stamp.is_file() and stamp.read_text() == part.recipe():
            return False
        stamp.unlink(missing_ok=True)
        for name, package in part.programs.items():
            new = directory / f".{name}.new"
            _go(part, "build", "-trimpath", "-ldflags", part.ldflags(), "-o", str(new.resolve()), package)
            new.replace(directory / name)  # also under a program that runs
        if "kwok" in part.programs:
            _collect_stages(directory / KWOK_STAGES)
        stamp.write_text(part.recipe())
    return True


def _collect_stages(target: Path) -> None:
    """Write kwok's own stages, which live in its module, as one file."""
    module = _go(CONTROL_PLANE, "list", "-m", "-f", "{{.Dir}}", "sigs.k8s.io/kwok").strip()
    stages = Path(module) / "kustomize" / "stage"
    target.write_text("\n---\n".join((stages / stage).read_text() for stage in STAGES))


def _go(part: Part, *arguments: str) -> str:
    if shutil.which("go") is None:
        raise BuildError("go is not on PATH: the cluster is built from Go modules and needs Go 1.26 or newer")
    # Without cgo, as official builds are; and it spares a C compiler.
    environment = {**os.environ, "CGO_ENABLED": "0"}
    done = subprocess.run(
        ["nice", "go", *arguments],
        cwd=part.folder,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        raise BuildError(f"go {arguments[0]} failed in {part.folder}:\n{done.stderr[-4000:]}")
    return done.stdout
