"""What the agent reads on its node: the kubelet's answers, processes' cgroups."""

import contextlib

from lens.agent.gpu.processes import place
from lens.agent.podresources import wire_format
from tests.fuzz.target import target


@target("podresources", longest=2**20)
def podresources(data: bytes) -> None:
    """Read the kubelet's PodResources messages."""
    for read in (wire_format.read_list, wire_format.read_allocatable):
        with contextlib.suppress(ValueError):
            read(data)


@target("cgroup", longest=2**16)
def cgroup(data: bytes) -> None:
    """Read which pod and container a process belongs to."""
    place(data.decode(errors="surrogateescape"))
