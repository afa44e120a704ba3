"""The node: its programs started, stopped and killed, under a control plane in the same network."""

import os
import shutil
import subprocess
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.cluster.control_plane import DIRECTORY, ControlPlane
from tests.e2e.cluster.programs.components import Component
from tests.e2e.cluster.programs.process import Process
from tests.e2e.node.host import configuration
from tests.e2e.node.host.inside import ADDRESS, CGROUP

COMPONENTS: tuple[Component, ...] = ("etcd", "kube-apiserver", "kube-scheduler", "kube-controller-manager")
HOME = DIRECTORY / "node"
READY_DEADLINE_S = 60

HEALTH = {
    "kubelet": "http://127.0.0.1:10248/healthz",
    "kube-proxy": "http://127.0.0.1:10256/livez",
    "coredns": "http://127.0.0.1:8181/ready",
}


@dataclass(frozen=True)
class Machine:
    """A machine that is a node; `kubeconfigs` are the administrator's and its programs'."""

    control_plane: ControlPlane
    kubeconfigs: dict[str, Path]

    @classmethod
    def up(cls, archives: list[Path]) -> "Machine":
        """Start control plane and node, with the images in `archives`. What an earlier one left goes."""
        shutil.rmtree(HOME, ignore_errors=True)
        control_plane = ControlPlane(HOME, COMPONENTS, ADDRESS)
        control_plane.up()
        users = ("kubelet", "kube-proxy")
        kubeconfigs = {user: control_plane.kubeconfig_of(user) for user in users}
        machine = cls(control_plane, kubeconfigs | {"admin": control_plane.kubeconfig})
        configuration.write(machine._folder, machine.kubeconfigs, os.environ[CGROUP])
        machine.start("containerd")
        for archive in archives:
            machine.ctr("images", "import", "--local", str(archive))
        for program in ("kubelet", "kube-proxy", "coredns"):
            machine.start(program)
        return machine

    def down(self) -> None:
        """End the node's programs and the control plane; containers end with the namespaces."""
        for program in reversed(self._commands()):
            self.process(program).stop()
        self.control_plane.down()

    def start(self, program: str) -> None:
        """Start one of the node's programs and wait until it does its work."""
        process = self.process(program)
        process.start(self._commands()[program])
        process.wait_ready(lambda: self._healthy(program), READY_DEADLINE_S)

    def process(self, program: str) -> Process:
        """Return the process of one of the node's programs."""
        return Process(program, HOME / "logs" / f"{program}.log", self._folder / f"{program}.pid")

    def ctr(self, *arguments: str) -> str:
        """Return what containerd's own command line says of the kubelet's containers."""
        command = [
            "ctr",
            "--address",
            str(configuration.CONTAINERD_SOCKET),
            "--namespace",
            "k8s.io",
            *arguments,
        ]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    @property
    def _folder(self) -> Path:
        return HOME / "machine"

    def _commands(self) -> dict[str, list[str]]:
        return configuration.commands(self._folder, self.kubeconfigs)

    def _healthy(self, program: str) -> bool:
        if program == "containerd":
            address = str(configuration.CONTAINERD_SOCKET)
            asked = ["ctr", "--address", address, "--connect-timeout", "1s", "version"]
            return subprocess.run(asked, check=False, capture_output=True).returncode == 0
        try:
            with urllib.request.urlopen(HEALTH[program], timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False
