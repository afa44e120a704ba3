"""What the agent reads on its node: the kubelet's answers, processes' cgroups."""

import contextlib

from lens.agent.gpu.processes import parse_cgroup
from lens.agent.podresources import wire_format
from tests.fuzz.target import target


@target("podresources", longest=2**20)
def podresources(data: bytes) -> None:
    """Read the kubelet's PodResources messages."""
    for read in (wire_format.decode_list, wire_format.decode_allocatable):
        with contextlib.suppress(ValueError):
            read(data)


@target("cgroup", longest=2**16)
def cgroup(data: bytes) -> None:
    """Read which pod and container a process belongs to."""
    parse_cgroup(data.decode(errors="surrogateescape"))
