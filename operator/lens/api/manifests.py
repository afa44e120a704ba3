"""Reads the manifests that callers send, in YAML or JSON, within bounds.

PyYAML's loader follows aliases without a bound, keeps the last of two equal keys and recurses. So documents
are built of the parser's events here. Scalars are what they are for kubectl: an unquoted time is a text.
"""

import contextlib
import json
import re
from collections.abc import Iterator
from typing import Any

import yaml

from lens.model.k8s.bounds import LONGEST_WORD, short

MAX_VALUES = 100_000
"""Values of all documents, those that aliases repeat included.

A text counts as one value for each 64 characters that it has: what is read of a manifest is written as JSON
once more, aliases and all.
"""

CHARACTERS_OF_A_VALUE = 64

MAX_DEPTH = 64
MAX_DOCUMENTS = 512
"""The output of a large Helm chart has some 60. How many may have pods is bounded apart from that."""

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_resolver: Any = yaml.resolver.Resolver()
_SCALARS = yaml.constructor.SafeConstructor()
_INTEGER = "tag:yaml.org,2002:int"


class ManifestError(Exception):
    """The text isn't a manifest. The message says why, and where."""


def read_manifests(body: bytes) -> list[object]:
    """Return the documents of a text, as JSON has them. Raise ManifestError."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ManifestError("it isn't UTF-8") from None
    if text.lstrip()[:1] == "{":
        with contextlib.suppress(json.JSONDecodeError):
            # Not all of JSON is YAML for PyYAML: tabs, and some escapes.
            return _read_json(text)
    try:
        return _Documents(text).read()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        where = f"line {mark.line + 1}: " if mark else ""
        problem = getattr(error, "problem", None) or "it isn't YAML"
        if len(text.splitlines()) == 1 and text.lstrip()[:1] not in ("{", "["):
            problem += ": all of it is on one line, as curl's -d sends it; --data-binary keeps the lines"
        raise ManifestError(short(f"{where}{problem}", 2 * LONGEST_WORD)) from None
    except (ValueError, OverflowError, RecursionError):
        raise ManifestError("it isn't YAML") from None


def _read_json(text: str) -> list[object]:
    """Return JSON documents, of which several follow each other as jq writes them, and kubectl reads them.

    Raise JSONDecodeError for another text, ManifestError beyond the bounds.
    """
    found: list[object] = []
    end = 0
    while (first := _NOT_BLANK.search(text, end)) is not None:
        try:
            document, end = _JSON.raw_decode(text, first.start())
        except RecursionError:
            raise ManifestError(f"it is nested deeper than {MAX_DEPTH} levels") from None
        _check_depth(document)
        found.append(document)
        if len(found) > MAX_DOCUMENTS:
            raise ManifestError(f"it has more than {MAX_DOCUMENTS} documents")
    if "\\ud" in text.lower():
        with _as_text():
            json.dumps(found, ensure_ascii=False).encode()
    return found


def _check_depth(document: object) -> None:
    level: list[Any] = [document]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for each in level
            if isinstance(each, dict | list)
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
    if level:
        raise ManifestError(f"it is nested deeper than {MAX_DEPTH} levels")


@contextlib.contextmanager
def _as_text() -> Iterator[None]:
    try:
        yield
    except (UnicodeEncodeError, RecursionError):
        raise ManifestError("it has half of a surrogate pair") from None


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in pairs:
        if key in found:
            raise ManifestError(f"{short(key, LONGEST_WORD)} is given twice")
        found[key] = value
    return found


class _Documents:
    """The documents of one text."""

    def __init__(self, text: str) -> None:
        self._events: Iterator[Any] = yaml.parse(text, Loader=_Loader)
        self._values = 0
        self._anchors: dict[str, tuple[object, int]] = {}

    def read(self) -> list[object]:
        """Return all of them but empty ones."""
        found: list[object] = []
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                self._anchors = {}
                document = self._value(next(self._events), 0)
                if document is not None:
                    found.append(document)
                if len(found) > MAX_DOCUMENTS:
                    raise ManifestError(f"it has more than {MAX_DOCUMENTS} documents")
        return found

    def _value(self, event: Any, depth: int) -> object:
        if depth > MAX_DEPTH:
            raise ManifestError(f"{_line(event)}it is nested deeper than {MAX_DEPTH} levels")
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in self._anchors:
                # Also an anchor inside of what it names.
                raise ManifestError(
                    f"{_line(event)}*{short(event.anchor or '', LONGEST_WORD)} is no anchor before it"
                )
            value, size = self._anchors[event.anchor]
            self._count(size, event)
            return value
        before = self._values
        self._count_text(event.value if isinstance(event, yaml.ScalarEvent) else "", event)
        value = self._content(event, depth)
        if event.anchor is not None:
            self._anchors[event.anchor] = value, self._values - before
        return value

    def _count_text(self, text: str, event: Any) -> None:
        self._count(1 + len(text) // CHARACTERS_OF_A_VALUE, event)

    def _count(self, values: int, event: Any) -> None:
        self._values += values
        if self._values > MAX_VALUES:
            raise ManifestError(f"{_line(event)}it has more than {MAX_VALUES} values")

    def _content(self, event: Any, depth: int) -> object:
        if isinstance(event, yaml.ScalarEvent):
            return _scalar(event)
        if isinstance(event, yaml.SequenceStartEvent):
            items: list[object] = []
            while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
                items.append(self._value(event, depth + 1))
            return items
        return self._mapping(depth)

    def _mapping(self, depth: int) -> dict[str, object]:
        found: dict[str, object] = {}
        merged: dict[str, object] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent):
                raise ManifestError(f"{_line(event)}a key isn't a text")
            key = event.value
            self._count_text(key, event)
            value = self._value(next(self._events), depth + 1)
            if key == "<<" and event.implicit[0]:
                for each in value if isinstance(value, list) else [value]:
                    if not isinstance(each, dict):
                        raise ManifestError(f"{_line(event)}<< merges no mapping")
                    merged = {**each, **merged}
            elif key in found:
                raise ManifestError(f"{_line(event)}{short(key, LONGEST_WORD)} is given twice")
            else:
                found[key] = value
        return {**merged, **found} if merged else found


def _scalar(event: Any) -> object:
    text: str = event.value
    if event.tag not in (None, "!", *_TAGS):
        raise ManifestError(f"{_line(event)}the tag {short(event.tag, LONGEST_WORD)} is unknown")
    tag = event.tag if event.tag in _TAGS else _resolver.resolve(yaml.ScalarNode, text, event.implicit)
    if tag == _INTEGER and ":" not in text:
        return _integer(text)
    if tag == "tag:yaml.org,2002:float" and ":" not in text:
        number = float(_SCALARS.construct_yaml_float(yaml.ScalarNode(tag, text)))
        # JSON has neither infinity nor NaN.
        return number if abs(number) < float("inf") else text
    if tag == "tag:yaml.org,2002:bool":
        return text.lower() in ("true", "yes", "on")
    return None if tag == "tag:yaml.org,2002:null" else text


_TAGS = tuple(f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null"))

_MAX_DIGITS = 30


def _integer(text: str) -> object:
    if len(text) > _MAX_DIGITS:
        return text
    number = int(_SCALARS.construct_yaml_int(yaml.ScalarNode(_INTEGER, text)))
    # Beyond 64 bits JSON's readers differ.
    return number if -(2**63) <= number < 2**63 else text


_NOT_BLANK = re.compile(r"\S")
_JSON = json.JSONDecoder(object_pairs_hook=_unique, parse_int=_integer, parse_constant=str)


def _line(event: Any) -> str:
    return f"line {event.start_mark.line + 1}: "
