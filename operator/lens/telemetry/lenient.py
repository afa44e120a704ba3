"""Decode a document without its invalid values.

It is slower than msgspec's decoder, and so it only gets what that decoder has refused.
"""

import json
import math
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
from msgspec import inspect

S = TypeVar("S", bound=msgspec.Struct)

INVALID = "INVALID"
"""The reason of a value that was left out."""

MAX_INVALID = 64
"""The most invalid values of a document. One with more is refused."""

MAX_NAMED = 3
MAX_DIGITS = 30


class TooManyInvalidError(Exception):
    """The document has more invalid values than may be left out."""


class LenientDecoder:
    """Decode one document.

    ``fallbacks`` replace structs of which nothing can be read, ``defaults`` required fields by name.
    """

    def __init__(
        self, fallbacks: Mapping[type[msgspec.Struct], msgspec.Struct], defaults: Mapping[str, object]
    ) -> None:
        """Start without invalid values."""
        self._fallbacks = fallbacks
        self._defaults = defaults
        self.invalid: list[str] = []

    def decode(self, body: bytes | bytearray, kind: type[S]) -> S:
        """Decode JSON without its invalid values.

        Raise TooManyInvalidError, or ValueError for what is no JSON.
        """
        try:
            raw = json.loads(body, parse_int=_integer)
            # Lone surrogates pass json, and no encoder: a UnicodeEncodeError is a ValueError.
            msgspec.json.encode(raw)
            read = self._struct(raw, kind, "")
        except RecursionError:
            raise TooManyInvalidError from None
        if not isinstance(read, kind):
            raise TooManyInvalidError
        return read

    @property
    def named(self) -> str:
        """The paths of the first invalid values."""
        more = f" and {len(self.invalid) - MAX_NAMED} more" if len(self.invalid) > MAX_NAMED else ""
        return ", ".join(self.invalid[:MAX_NAMED]) + more

    def _struct(self, raw: Any, kind: type[msgspec.Struct], path: str) -> msgspec.Struct | None:
        """Return a struct without its invalid values, or its fallback if a required one is invalid."""
        try:
            return msgspec.convert(raw, kind)
        except msgspec.ValidationError:
            values = self._values(raw, kind, path)
        if values is None:
            return self._fallbacks.get(kind)
        return kind(**values)

    def _values(self, raw: Any, kind: type[msgspec.Struct], path: str) -> dict[str, Any] | None:
        if not isinstance(raw, dict):
            self._add(path)
            return None
        values: dict[str, Any] = {}
        invalid: list[str] = []
        for field in msgspec.structs.fields(kind):
            found, here = None, f"{path}.{field.encode_name}".removeprefix(".")
            if field.encode_name in raw:
                try:
                    values[field.name] = msgspec.convert(raw[field.encode_name], field.type)
                    continue
                except msgspec.ValidationError:
                    found = self._part(raw[field.encode_name], field.type, here)
                if found is None:
                    invalid.append(field.name)
            elif field.required:
                self._add(here)
            if found is not None or (field.required and _takes_none(field.type)):
                values[field.name] = found
            elif field.required and field.name in self._defaults:
                values[field.name] = self._defaults[field.name]
            elif field.required:
                return None
        if invalid and "reasons" in kind.__struct_fields__:
            values["reasons"] = {**values.get("reasons", {}), **dict.fromkeys(invalid, INVALID)}
        return values

    def _part(self, raw: Any, field_type: Any, path: str) -> Any:
        """Return what can be read of a field's structs; None of any other value."""
        kinds = inspect.type_info(field_type)
        for each in kinds.types if isinstance(kinds, inspect.UnionType) else (kinds,):
            if isinstance(each, inspect.StructType) and isinstance(raw, dict):
                return self._struct(raw, each.cls, path)
            if isinstance(each, inspect.VarTupleType) and isinstance(each.item_type, inspect.StructType):
                if not isinstance(raw, list) or len(raw) > (each.max_length or len(raw)):
                    continue
                kind = each.item_type.cls
                items = [self._struct(item, kind, f"{path}[{index}]") for index, item in enumerate(raw)]
                return tuple(item for item in items if item is not None)
        self._add(path)
        return None

    def _add(self, path: str) -> None:
        if len(self.invalid) >= MAX_INVALID:
            raise TooManyInvalidError
        self.invalid.append(path)


def _takes_none(field_type: Any) -> bool:
    try:
        msgspec.convert(None, field_type)
    except msgspec.ValidationError:
        return False
    return True


def _integer(digits: str) -> int | float:
    """Return an integer, or infinity for more digits than any bound allows, which take long to convert."""
    return int(digits) if len(digits) <= MAX_DIGITS else math.inf
