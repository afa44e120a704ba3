"""The types of settings: lists, patterns, levels."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from lens.model.k8s.node_selection import NodeSelection


def _split(value: object) -> object:
    return (
        [part for part in (p.strip() for p in value.split(",")) if part] if isinstance(value, str) else value
    )


CommaSeparated = Annotated[tuple[str, ...], BeforeValidator(_split)]


def _resource_patterns(patterns: tuple[str, ...]) -> tuple[str, ...]:
    for pattern in patterns:
        if not re.fullmatch(r"!?[A-Za-z0-9.*?-]+/[A-Za-z0-9._*?-]+", pattern):
            raise ValueError(f"{pattern!r} is not the name of an extended resource, such as nvidia.com/gpu")
    return patterns


GpuResourcePatterns = Annotated[
    CommaSeparated,
    AfterValidator(_resource_patterns),
    Field(
        min_length=1,
        description="The extended resources that are GPUs; * matches anything, a leading ! excludes names.",
    ),
]


def _drivers(patterns: tuple[str, ...]) -> tuple[str, ...]:
    for pattern in patterns:
        if not re.fullmatch(r"!?[a-z0-9.*?-]+", pattern):
            raise ValueError(f"{pattern!r} is not the name of a DRA driver, such as gpu.nvidia.com")
    return patterns


DriverPatterns = Annotated[CommaSeparated, AfterValidator(_drivers)]


def _node_labels(requirements: tuple[str, ...]) -> tuple[str, ...]:
    NodeSelection.parse(requirements)
    return requirements


NodeLabels = Annotated[CommaSeparated, AfterValidator(_node_labels)]


def _frame_ancestors(sources: tuple[str, ...]) -> tuple[str, ...]:
    for source in sources:
        if not re.fullmatch(r"'self'|https?://(\*\.)?[A-Za-z0-9.-]+(:([0-9]{1,5}|\*))?", source):
            raise ValueError(f"{source!r} is not an origin, such as https://backstage.example.com, or 'self'")
    return sources


FrameAncestors = Annotated[CommaSeparated, AfterValidator(_frame_ancestors)]

LogLevel = Annotated[
    Literal["debug", "info", "warning", "error"], Field(description="The lowest level that is logged.")
]
LogFormat = Annotated[Literal["json", "text"], Field(description="The format of a log line.")]
