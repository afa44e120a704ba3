"""What Pod Security asks of a pod: https://kubernetes.io/docs/concepts/security/pod-security-standards/."""

from collections.abc import Iterator
from typing import Any, Literal

Level = Literal["restricted", "agent", "privileged"]

_PLAIN_VOLUMES = {
    "configMap",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
}


def breaches(pod: dict[str, Any], level: Level) -> Iterator[str]:
    """Go through what a namespace that enforces the level would refuse.

    ``agent`` is `restricted` but for a user 0, read-only hostPaths, and a preset's SYS_ADMIN.
    """
    (container,) = pod["containers"]
    security = container["securityContext"]
    yield from (f"{name}: true" for name in ("hostNetwork", "hostPID", "hostIPC") if pod.get(name))
    if level != "privileged" and security.get("privileged"):
        yield "privileged"
    if level != "privileged" and security["allowPrivilegeEscalation"]:
        yield "allowPrivilegeEscalation"
    if not security["readOnlyRootFilesystem"]:
        yield "a file system that can be written to"
    capabilities = security["capabilities"]
    if capabilities["drop"] != ["ALL"]:
        yield f"keeps capabilities: {capabilities}"
    if set(capabilities.get("add", [])) - ({"SYS_ADMIN"} if level != "restricted" else set()):
        yield f"adds capabilities: {capabilities}"
    if pod["securityContext"]["seccompProfile"]["type"] != "RuntimeDefault":
        yield "seccompProfile"
    if any("hostPort" in port for port in container.get("ports", [])):
        yield "hostPort"
    if level == "restricted" and not pod["securityContext"]["runAsNonRoot"]:
        yield "may run as root"
    read_only = {mount["name"] for mount in container.get("volumeMounts", []) if mount.get("readOnly")}
    for volume in pod.get("volumes", []):
        (kind,) = volume.keys() - {"name"}
        if kind == "hostPath" and level != "restricted":
            if volume["name"] not in read_only:
                yield f"writes to the node: {volume}"
        elif kind not in _PLAIN_VOLUMES:
            yield f"a volume of kind {kind}"
