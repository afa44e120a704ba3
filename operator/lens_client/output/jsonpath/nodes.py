"""The parts of a template."""

from typing import NamedTuple, TypeAlias


class JsonPathError(ValueError):
    """A template can't be read, or asks a value for what it can't have."""


class Text(NamedTuple):
    """Text, outside of braces or quoted inside."""

    text: str


class Literal(NamedTuple):
    """A number or a boolean inside braces."""

    value: int | float | bool


class Field(NamedTuple):
    """A field of an object."""

    name: str


class Wildcard(NamedTuple):
    """All values of an object or a list."""


class Recursive(NamedTuple):
    """An object or list, and all objects and lists in it."""


class Slice(NamedTuple):
    """Some elements of a list. ``single`` tells ``[n]`` from ``[n:]``."""

    start: int | None
    stop: int | None
    step: int | None
    single: bool


class Union(NamedTuple):
    """The results of several paths, one after another."""

    paths: tuple["Path", ...]


class Filter(NamedTuple):
    """The elements of a list for which a comparison holds; for ``exists`` those that have the left path."""

    left: "Path"
    operator: str
    right: "Path"


Node: TypeAlias = "Text | Literal | Field | Wildcard | Recursive | Slice | Union | Filter"
Path: TypeAlias = tuple[Node, ...]


class Range(NamedTuple):
    """A part of a template that is written for each result of a path."""

    path: Path
    body: "Template"


Template: TypeAlias = tuple[Text | Path | Range, ...]
