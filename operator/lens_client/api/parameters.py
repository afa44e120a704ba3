"""The option of each API parameter, so that an error names what the user typed."""

import re

_OPTIONS = {
    "available_min": "--available",
    "event_object": "--for",
    "event_type": "--types",
    "selector": "--selector",
    "tolerations": "--toleration",
} | {
    name: f"--{name.replace('_', '-')}"
    for name in (
        "cluster",
        "cpu",
        "device_class",
        "gpus",
        "memory",
        "namespace",
        "node",
        "priority",
        "product",
        "replicas",
        "resource",
        "state",
        "status",
    )
}


def option(parameter: str) -> str:
    """Return the option that a parameter comes from."""
    return _OPTIONS[parameter]


_REFUSED = re.compile(r"Invalid parameter: ([a-z_]+)(?=[: ])(.*)")


def in_options(message: str) -> str | None:
    """Return Lens' error about a parameter with its option's name; None for any other error."""
    found = _REFUSED.fullmatch(message)
    if found is None or found[1] not in _OPTIONS:
        return None
    return f"{_OPTIONS[found[1]]}{found[2]}"
