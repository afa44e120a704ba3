"""Read the compute processes of a GPU and find their pods.

NVML returns process ids of the host's PID namespace, so only an agent with ``hostPID`` can resolve them. Any
other gets an empty list, or ids that it can't resolve.
"""

import os
import re
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pynvml

from lens.agent.gpu.nvml import NvmlQuery, in_range, valid_percent
from lens.model.gpu.node_report import MAX_COUNT, MAX_PROCESSES, Process

UTILIZATION_SECONDS = 15.0
"""The utilization of processes takes NVML over a millisecond, so it isn't read every round."""

OTHER_PID_NAMESPACE = "OTHER_PID_NAMESPACE"

PROC = Path("/proc")

_HOST_PID_NAMESPACE = "pid:[4026531836]"
"""The host PID namespace has a fixed inode: PROC_PID_INIT_INO in Linux's include/linux/proc_ns.h."""

MAX_CGROUP_BYTES = 2**16
"""The most bytes of /proc/PID/cgroup that are read. 12 hierarchies with paths of 4,096 bytes need less."""

_POD = re.compile(r"pod([0-9a-f]{8}[-_](?:[0-9a-f]{4}[-_]){3}[0-9a-f]{12})")
_CONTAINER = re.compile(r"([0-9a-f]{64})(?:\.scope)?$")


class ProcessOwner(NamedTuple):
    """The pod and the container that a process belongs to."""

    pod_uid: str | None
    container_id: str | None


NO_OWNER = ProcessOwner(None, None)


def parse_cgroup(cgroup: str) -> ProcessOwner:
    """Find the pod in /proc/PID/cgroup: ``…/kubepods-pod<uid>.slice/cri-containerd-<id>.scope``.

    The systemd cgroup driver writes the pod's UID with underscores, the cgroupfs driver with dashes. Any line
    may have it, including a relative path, which an agent in a cgroup namespace of its own sees.
    """
    for line in cgroup.splitlines():
        pod = _POD.search(line)
        if pod:
            container = _CONTAINER.search(line)
            return ProcessOwner(pod[1].replace("_", "-"), container and container[1])
    return NO_OWNER


class ProcessReader:
    """Read one GPU's compute processes."""

    def __init__(self, proc: Path = PROC) -> None:
        """Read processes from this procfs."""
        self._proc = proc
        self._owners: dict[int, ProcessOwner] = {}
        self._utilization: dict[int, float | None] = {}
        self._utilization_at: float | None = None
        self._last_timestamp: int | None = None
        try:
            self._in_host_pid_namespace = os.readlink(proc / "self/ns/pid") == _HOST_PID_NAMESPACE
        except OSError:
            self._in_host_pid_namespace = False

    def read(self, query: NvmlQuery, handle: Any, now: float) -> tuple[Process, ...] | None:
        """Return the processes, or None and keep the reason if they are unknown."""
        # Version 3 came with R510, and single later drivers don't have it (535.98).
        found = query.newest(
            "processes",
            partial(pynvml.nvmlDeviceGetComputeRunningProcesses_v3, handle),
            partial(pynvml.nvmlDeviceGetComputeRunningProcesses_v2, handle),
        )
        if found is None:
            return None
        if not found and not self._in_host_pid_namespace:
            query.set_reason("processes", OTHER_PID_NAMESPACE)
            return None
        found = found[:MAX_PROCESSES]
        self._owners = {each.pid: self._owner(each.pid) for each in found}
        if len(found) < 2:
            self._utilization, self._utilization_at, self._last_timestamp = {}, None, None
        elif self._utilization_at is None or not 0 <= now - self._utilization_at < UTILIZATION_SECONDS:
            self._read_utilization(handle, now)
        return tuple(
            Process(
                pid=each.pid,
                used_memory_bytes=in_range(each.usedGpuMemory, MAX_COUNT),
                utilization_percent=self._utilization.get(each.pid),
                instance=None if each.gpuInstanceId == 0xFFFFFFFF else each.gpuInstanceId,
                pod_uid=self._owners[each.pid].pod_uid,
                container_id=self._owners[each.pid].container_id,
            )
            for each in found
        )

    def _owner(self, pid: int) -> ProcessOwner:
        known = self._owners.get(pid, NO_OWNER)
        # A container's first process is in its runtime's cgroup for a moment.
        if known != NO_OWNER or not self._in_host_pid_namespace:
            return known
        try:
            with (self._proc / str(pid) / "cgroup").open("rb") as file:
                return parse_cgroup(file.read(MAX_CGROUP_BYTES).decode(errors="replace"))
        except OSError:  # the process has just ended
            return NO_OWNER

    def _read_utilization(self, handle: Any, now: float) -> None:
        """Read each process's utilization since the last time.

        NVML keeps several samples of some processes and garbage of ended ones. The first call may return old
        samples, so it only sets the timestamp from which later samples count.
        """
        since = self._last_timestamp
        samples = [
            each
            for each in NvmlQuery().get(
                "processes", pynvml.nvmlDeviceGetProcessUtilization, handle, since or 0
            )
            or ()
            if each.timeStamp > (since or 0) and valid_percent(each.smUtil) is not None
        ]
        self._last_timestamp = max((each.timeStamp for each in samples), default=None)
        if since is None:
            return
        by_pid: dict[int, list[int]] = {}
        for each in samples:
            by_pid.setdefault(each.pid, []).append(each.smUtil)
        self._utilization = {pid: valid_percent(sum(values) / len(values)) for pid, values in by_pid.items()}
        self._utilization_at = now
