"""A process on a shared GPU is its own pod's."""

import pytest

from lens.agent.gpu.processes import NO_OWNER, ProcessOwner, parse_cgroup

UID = "8a3f0e52-9c1d-4f7e-b6a0-1d2c3b4a5968"
SLICE = UID.replace("-", "_")
CONTAINER = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("cgroup", "found"),
    [
        (
            f"0::/kubepods.slice/kubepods-pod{SLICE}.slice/cri-containerd-{CONTAINER}.scope\n",
            ProcessOwner(UID, CONTAINER),
        ),
        (
            "0::/kubepods.slice/kubepods-besteffort.slice/"
            f"kubepods-besteffort-pod{SLICE}.slice/crio-{CONTAINER}.scope\n",
            ProcessOwner(UID, CONTAINER),
        ),
        (
            f"0::/../../kubepods-burstable-pod{SLICE}.slice/cri-containerd-{CONTAINER}.scope",
            ProcessOwner(UID, CONTAINER),
        ),
        (
            f"12:pids:/user.slice\n5:memory:/kubepods/burstable/pod{UID}/{CONTAINER}\n1:name=systemd:/x\n",
            ProcessOwner(UID, CONTAINER),
        ),
        (f"0::/kubepods/pod{UID}\n", ProcessOwner(UID, None)),
        ("0::/user.slice/user-1000.slice/session-2.scope\n", NO_OWNER),
        ("0::/kubepods.slice/podman-1.scope\n", NO_OWNER),
        ("", NO_OWNER),
    ],
)
def test_a_process_is_found_in_its_pod_by_either_cgroup_driver(cgroup: str, found: ProcessOwner) -> None:
    assert parse_cgroup(cgroup) == found
