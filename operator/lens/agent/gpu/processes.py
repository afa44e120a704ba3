"""Who computes on a GPU, process by process, and the pods that they belong to.

NVML gives process ids as the node has them, so they mean something only to an agent that shares the node's
process ids (``hostPID``); any other sees an empty list, or ids of nobody that it knows.
"""

import os
import re
from pathlib import Path
from typing import Any, NamedTuple

import pynvml

from lens.agent.gpu.nvml import Reading, in_range, percent
from lens.model.gpu.node_report import MOST_COUNT, MOST_PROCESSES, Process

SHARES_SECONDS = 15.0
"""Asking for processes' shares takes NVML over a millisecond, so it isn't done every round."""

FOREIGN_IDS = "OTHER_PID_NAMESPACE"

PROC = Path("/proc")

_NODE_NAMESPACE = "pid:[4026531836]"
"""The first process namespace's inode is fixed: PROC_PID_INIT_INO in Linux's include/linux/proc_ns.h."""

LONGEST_CGROUP = 2**16
"""Bytes of a process's cgroups that are read: 12 hierarchies of paths with 4,096 each are less."""

_POD = re.compile(r"pod([0-9a-f]{8}[-_](?:[0-9a-f]{4}[-_]){3}[0-9a-f]{12})")
_CONTAINER = re.compile(r"([0-9a-f]{64})(?:\.scope)?$")


class Place(NamedTuple):
    """The pod and the container that a process belongs to."""

    pod_uid: str | None
    container_id: str | None


NO_POD = Place(None, None)


def place(cgroup: str) -> Place:
    """Read a process's cgroups (/proc/PID/cgroup): ``…/kubepods-pod<uid>.slice/cri-containerd-<id>.scope``.

    systemd's driver writes the uid with underscores, cgroupfs's with dashes; both are looked for in any
    line, relative ones too, as an agent in a cgroup namespace of its own sees them.
    """
    for line in cgroup.splitlines():
        pod = _POD.search(line)
        if pod:
            container = _CONTAINER.search(line)
            return Place(pod[1].replace("_", "-"), container and container[1])
    return NO_POD


class ProcessReader:
    """Read one GPU's compute processes."""

    def __init__(self, proc: Path = PROC) -> None:
        """Take where the process file system is."""
        self._proc = proc
        self._places: dict[int, Place] = {}
        self._shares: dict[int, float | None] = {}
        self._shares_at: float | None = None
        self._seen: int | None = None
        try:
            self._sees_the_node = os.readlink(proc / "self/ns/pid") == _NODE_NAMESPACE
        except OSError:
            self._sees_the_node = False

    def read(self, reading: Reading, handle: Any, now: float) -> tuple[Process, ...] | None:
        """Return the processes; None with a reason where they can't be seen."""
        found = reading.get("processes", pynvml.nvmlDeviceGetComputeRunningProcesses, handle)
        if found is None:
            return None
        if not found and not self._sees_the_node:
            reading.refuse("processes", FOREIGN_IDS)
            return None
        found = found[:MOST_PROCESSES]
        self._places = {each.pid: self._place(each.pid) for each in found}
        if len(found) < 2:
            self._shares, self._shares_at, self._seen = {}, None, None
        elif self._shares_at is None or not 0 <= now - self._shares_at < SHARES_SECONDS:
            self._read_shares(handle, now)
        return tuple(
            Process(
                pid=each.pid,
                used_memory_bytes=in_range(each.usedGpuMemory, MOST_COUNT),
                utilization_percent=self._shares.get(each.pid),
                instance=None if each.gpuInstanceId == 0xFFFFFFFF else each.gpuInstanceId,
                pod_uid=self._places[each.pid].pod_uid,
                container_id=self._places[each.pid].container_id,
            )
            for each in found
        )

    def _place(self, pid: int) -> Place:
        known = self._places.get(pid)
        if known is not None or not self._sees_the_node:
            return known or NO_POD
        try:
            with (self._proc / str(pid) / "cgroup").open("rb") as file:
                return place(file.read(LONGEST_CGROUP).decode(errors="replace"))
        except OSError:  # it has just ended
            return NO_POD

    def _read_shares(self, handle: Any, now: float) -> None:
        """Read each process's share of the GPU's time since it was last read.

        NVML keeps several samples for some processes, garbage for others that have ended, and at first
        those of long ago, which only tell from where on samples are new.
        """
        seen = self._seen
        samples = [
            each
            for each in Reading().get("processes", pynvml.nvmlDeviceGetProcessUtilization, handle, seen or 0)
            or ()
            if each.timeStamp > (seen or 0) and percent(each.smUtil) is not None
        ]
        self._seen = max((each.timeStamp for each in samples), default=None)
        if seen is None:
            return
        shares: dict[int, list[int]] = {}
        for each in samples:
            shares.setdefault(each.pid, []).append(each.smUtil)
        self._shares = {pid: percent(sum(values) / len(values)) for pid, values in shares.items()}
        self._shares_at = now
