"""What a machine must have for a node to run on it."""

import os
import shutil

# Each program and the Debian package that has it.
PROGRAMS = {
    "cc": "build-essential",
    "debootstrap": "debootstrap",
    "ip": "iproute2",
    "iptables": "iptables",
    "mount": "mount",
    "openssl": "openssl",
    "runc": "runc",
    "unshare": "util-linux",
}
BUILDERS = ("docker", "podman", "buildah")


def missing() -> list[str]:
    """Return what is missing, in words that say what to do; nothing if a node can run."""
    found = [
        f"{program} (Debian's package {package})"
        for program, package in PROGRAMS.items()
        if shutil.which(program) is None
    ]
    if not any(map(shutil.which, BUILDERS)):
        found.append(f"one of {', '.join(BUILDERS)} (Debian's package buildah)")
    if os.geteuid() != 0:
        found.insert(0, "root: a node mounts, and has a network of its own")
    return found
