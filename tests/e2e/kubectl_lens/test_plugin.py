"""kubectl runs the plugin: its stream, its completion, and what happens when the apiserver is gone."""

import os
import signal
import subprocess
import sys
import threading
import time
from typing import Any

from release import client, commit
from tests.e2e.cluster.control_plane import ControlPlane
from tests.e2e.kubectl_lens.kubectl import DEADLINE_S, Kubectl
from tests.e2e.kubectl_lens.objects import READY, pod
from tests.e2e.lens import CLUSTER, Lens


def test_the_stream_comes_through_the_forward(kubectl: Kubectl, lens: Lens) -> None:
    script = (
        "from lens_client.options import Options; from lens_client.reach import connect; import os\n"
        "way = connect.find(Options(), os.environ)\n"
        "with way.lens().events({'include': ['status']}) as events: print(next(iter(events)).type)\n"
    )
    variables = {**os.environ, "KUBECONFIG": str(kubectl.admin), "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", script], env=variables, capture_output=True, text=True, timeout=DEADLINE_S
    )
    assert done.stdout == "snapshot\n", done.stderr


def test_kubectl_completes_the_plugins_words(kubectl: Kubectl, lens: Lens) -> None:
    completing = kubectl.folder / "kubectl_complete-lens"
    completing.write_text(
        f'#!/bin/sh\nexec {sys.executable} -c "from lens_client.completion import main; main()" "$@"\n'
    )
    completing.chmod(0o755)
    done = kubectl.run("__complete", "lens", "versi")
    assert done.stdout.splitlines()[0].startswith("version"), done
    done = kubectl.run("__complete", "lens", "status", "--cluster", "")
    assert done.stdout.splitlines()[0] == CLUSTER, done


def test_kubectl_runs_the_file_under_the_name_that_krew_gives_it(kubectl: Kubectl, lens: Lens) -> None:
    client.zipapp(commit.ROOT, kubectl.folder / client.PROGRAM)
    assert kubectl.run(client.KREW_NAME, "--version").stdout == f"kubectl gpu-lens {commit.version()}\n"
    listed = kubectl.run(client.KREW_NAME, "nodes", "-o", "name").stdout
    assert listed == kubectl.run("lens", "nodes", "-o", "name").stdout != ""


def test_one_of_two_lenses_has_to_be_chosen(kubectl: Kubectl, lens: Lens) -> None:
    kubectl.apply(pod("blue-0", "blue"))
    try:
        kubectl.set_status("pod", "blue-0", READY)
        assert kubectl.run("lens", "status").stderr == (
            "kubectl lens: there are several Lenses (lens/blue, lens/lens): "
            "choose one with --lens-namespace\n"
        )
        assert kubectl.total_gpus(kubectl.admin, "--lens-namespace", "lens/lens") > 0
    finally:
        kubectl.run("-n", "lens", "delete", "pod", "blue-0", "--force", "--grace-period=0")


def test_an_apiserver_that_is_gone_is_named_and_a_watch_goes_on_after_it(
    kubectl: Kubectl, lens: Lens, control_plane: ControlPlane
) -> None:
    with subprocess.Popen(
        [kubectl.program, "lens", "nodes", "-w", "-o", "name"],
        env=kubectl.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as watching:
        stderr, stdout = _Lines(watching.stderr), _Lines(watching.stdout)
        stderr.wait_for("Data ")
        control_plane.kill("kube-apiserver")
        try:
            gone = kubectl.run("lens", "status")
            assert gone.returncode == 1
            assert gone.stderr == (
                f"kubectl lens: the apiserver {control_plane.url} can't be reached: connection refused\n"
            )
            stderr.wait_for("trying again in ")
        finally:
            control_plane.start("kube-apiserver")
        late = {"metadata": {"name": "late"}, "spec": {"unschedulable": True}}
        kubectl.apply({"apiVersion": "v1", "kind": "Node", **late})
        try:
            capacity = {"cpu": "8", "memory": "64Gi", "pods": "110", "nvidia.com/gpu": "8"}
            kubectl.set_status("node", "late", {"capacity": capacity, "allocatable": capacity})
            stdout.wait_for("node/late")
        finally:
            kubectl.run("delete", "node", "late")
        watching.send_signal(signal.SIGINT)
        assert watching.wait(DEADLINE_S) in (-signal.SIGINT, 128 + signal.SIGINT)
        assert "Traceback" not in stderr.text


class _Lines:
    """What a process writes, as it comes."""

    def __init__(self, stream: Any) -> None:
        self.text = ""
        self._stream = stream
        threading.Thread(target=self._read, daemon=True).start()

    def wait_for(self, text: str) -> None:
        """Wait until the text is there."""
        ends = time.monotonic() + DEADLINE_S
        while text not in self.text:
            assert time.monotonic() < ends, f"{text!r} isn't written: {self.text[-2000:]}"
            time.sleep(0.05)

    def _read(self) -> None:
        for line in self._stream:
            self.text += line
