"""The first process in the namespaces: it mounts, gives the network an address, and runs pytest."""

import os
import subprocess
import sys
from pathlib import Path

from tests.e2e.cluster.control_plane import DIRECTORY
from tests.e2e.cluster.programs.components import SERVICES

CGROUP = "LENS_E2E_CGROUP"
ARCHIVES = "LENS_E2E_IMAGES"
"""The variables with the name of the cgroup, and the paths of the images; this program's caller sets them."""

BRIDGE = "lens0"
ADDRESS = "10.88.0.1"
PODS = "10.88.0.0/16"

# What kubelets set on a machine (https://kubernetes.io/docs/tasks/administer-cluster/kubelet-config-file/,
# protectKernelDefaults), and the values that they want. They would hold beyond these namespaces.
TUNABLES = {
    "vm/overcommit_memory": 1,
    "vm/panic_on_oom": 0,
    "kernel/panic": 10,
    "kernel/panic_on_oops": 1,
    "kernel/keys/root_maxkeys": 1_000_000,
    "kernel/keys/root_maxbytes": 25_000_000,
}


def main(arguments: list[str]) -> int:
    """Return pytest's exit status."""
    _mount()
    _connect()
    environment = {**os.environ, "PATH": f"{DIRECTORY / 'bin'}:{os.environ['PATH']}"}
    environment.pop("KUBECONFIG", None)
    pytest = subprocess.Popen([sys.executable, "-m", "pytest", "tests/e2e/node", *arguments], env=environment)
    while True:
        # Orphans come to the first process; unless it waits for them, they stay as zombies.
        pid, status = os.wait()
        if pid == pytest.pid:
            return os.waitstatus_to_exitcode(status)


def _mount() -> None:
    """Let nothing that the node writes to the machine's own folders stay there."""
    _run("mount", "--make-rshared", "/")
    _run("mount", "-t", "tmpfs", "tmpfs", "/run")
    over = Path("/run/over")
    for name in ("upper", "work"):
        (over / name).mkdir(parents=True)
    _run(
        "mount",
        "-t",
        "overlay",
        "-o",
        f"lowerdir=/var,upperdir={over}/upper,workdir={over}/work",
        "overlay",
        "/var",
    )
    for folder in ("/var/lib/kubelet", "/var/lib/containerd"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        _run("mount", "-t", "tmpfs", "tmpfs", folder)
    for name, value in TUNABLES.items():
        stand_in = Path("/run/tunables") / name
        stand_in.parent.mkdir(parents=True, exist_ok=True)
        stand_in.write_text(f"{value}\n")
        _run("mount", "--bind", str(stand_in), f"/proc/sys/{name}")


def _connect() -> None:
    """Make the bridge that is the node's address and all its pods' network."""
    _run("ip", "link", "set", "lo", "up")
    _run("ip", "link", "add", BRIDGE, "type", "bridge")
    _run("ip", "address", "add", f"{ADDRESS}/{PODS.rpartition('/')[2]}", "dev", BRIDGE)
    _run("ip", "link", "set", BRIDGE, "up")
    # What kube-proxy redirects needs a route before.
    _run("ip", "route", "add", SERVICES, "dev", BRIDGE)
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1\n")


def _run(*command: str) -> None:
    subprocess.run(command, check=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
