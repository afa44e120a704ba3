"""Host ports: the addresses of a node on which a pod's containers listen.

Source: ``HostPortInfo`` in k8s.io/kube-scheduler, framework/types.go; ``GetHostPorts`` in pkg/scheduler/util.
"""

from collections.abc import Iterable
from functools import lru_cache
from sys import intern
from typing import NamedTuple

import msgspec

from lens.model.k8s.bounds import LONGEST_WORD, MAX_PORTS, short
from lens.model.k8s.objects import Container, Manifest, PodSpec

ANY_ADDRESS = "0.0.0.0"  # noqa: S104 - what a port without hostIP has


class PortManifest(Manifest):
    """A ContainerPort (core/v1)."""

    host_port: int | None = None
    host_ip: str | None = msgspec.field(default=None, name="hostIP")
    protocol: str | None = None


class HostPort(NamedTuple):
    """A port of a node, on one address or on all of them."""

    address: str
    protocol: str
    port: int


HostPorts = tuple[HostPort, ...]

_read_ports = msgspec.json.Decoder(list[PortManifest] | None).decode


def read_ports(spec: PodSpec) -> HostPorts:
    """Return the host ports of a pod's containers and sidecars.

    Raise ValueError, naming the field, for ports that can't be read.
    """
    found: list[HostPort] = []
    for field, containers in ("initContainers", spec.init_containers), ("containers", spec.containers):
        for index, container in enumerate(containers or ()):
            if container.ports and (field == "containers" or container.restart_policy == "Always"):
                try:
                    found += _host_ports(container)
                except (ValueError, RecursionError) as error:
                    raise ValueError(f"spec.{field}[{index}].ports: {error}") from None
                if len(found) > MAX_PORTS:
                    raise ValueError(f"spec.{field}: more than {MAX_PORTS} host ports")
    return _share_ports(tuple(sorted(set(found)))) if found else ()


def conflict(wanted: Iterable[HostPort], used: Iterable[HostPort]) -> bool:
    """Return whether one of the ports is used: all addresses of a node include each one."""
    in_use = {(port.protocol, port.port, port.address) for port in used}
    for address, protocol, port in wanted:
        if address == ANY_ADDRESS:
            if any(each[:2] == (protocol, port) for each in in_use):
                return True
        elif (protocol, port, address) in in_use or (protocol, port, ANY_ADDRESS) in in_use:
            return True
    return False


def _host_ports(container: Container) -> Iterable[HostPort]:
    for port in _read_ports(container.ports) or ():
        if port.host_port is not None and port.host_port > 0:
            address = short(port.host_ip or ANY_ADDRESS, LONGEST_WORD)
            yield HostPort(intern(address), intern(short(port.protocol or "TCP")), port.host_port)


@lru_cache(maxsize=4096)
def _share_ports(ports: HostPorts) -> HostPorts:
    return ports
