"""Build what the node's tests need and run them in namespaces of their own; arguments go to pytest."""

import os
import signal
import subprocess
import sys
import time

from release.image import ImageError
from tests.e2e.cluster.control_plane import DIRECTORY
from tests.e2e.cluster.programs import binaries
from tests.e2e.cluster.programs.binaries import BuildError
from tests.e2e.node.host import cgroups, images, prerequisites
from tests.e2e.node.host.inside import ARCHIVES, CGROUP

PARTS = (
    binaries.CONTROL_PLANE,
    binaries.NODE,
    binaries.CONTAINERD,
    binaries.CNI,
    binaries.COREDNS,
    binaries.HELM,
)


def main(arguments: list[str]) -> int:
    """Return pytest's exit status."""
    if prerequisites.missing():
        # They are skipped, each with what is missing as its reason.
        return subprocess.run([sys.executable, "-m", "pytest", "tests/e2e/node", *arguments]).returncode
    try:
        for part in PARTS:
            start = time.monotonic()
            if binaries.build(DIRECTORY / "bin", part):
                print(f"built {', '.join(part.programs)} in {time.monotonic() - start:.0f} s", flush=True)
        archives = images.build()
    except (BuildError, ImageError, images.ImagesError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    cgroup = f"lens-e2e-{os.getpid()}"
    cgroups.create(cgroup)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # by way of `finally`
    try:
        return subprocess.run(
            [
                *("unshare", "--net", "--mount", "--pid", "--ipc", "--fork", "--kill-child", "--mount-proc"),
                *(sys.executable, "-m", "tests.e2e.node.host.inside", *arguments),
            ],
            env={**os.environ, CGROUP: cgroup, ARCHIVES: os.pathsep.join(map(str, archives))},
            check=False,
        ).returncode
    finally:
        cgroups.remove(cgroup)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
