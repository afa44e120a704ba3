"""Parameters of a request: read from its query and path, and checked."""

from collections.abc import Collection, Mapping
from functools import cache
from typing import ClassVar, NamedTuple, Self, get_origin

from multidict import MultiMapping
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from lens.api.errors import invalid_parameter, quoted


class _Names(NamedTuple):
    known: tuple[str, ...]
    required: tuple[str, ...]
    repeatable: frozenset[str]


class Parameters(BaseModel):
    """No parameters; the base of all others. Equal parameters request the same data."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    in_path: ClassVar[frozenset[str]] = frozenset()
    """The fields that are path parameters."""

    empty_is_default: ClassVar[frozenset[str]] = frozenset()
    """The query parameters that an empty value leaves at their default."""

    @property
    def scope(self) -> str | None:
        """Return the namespace if only its tasks are requested, or else None: the whole cluster."""
        return None

    @property
    def values(self) -> tuple[object, ...]:
        """Return the values in the order of the fields."""
        return tuple(value for _, value in self)

    @classmethod
    @cache
    def _names(cls) -> _Names:
        fields = cls.model_fields.items()
        return _Names(
            known=tuple(field.alias or name for name, field in fields),
            required=tuple(name for name, field in fields if field.is_required()),
            repeatable=frozenset(name for name, field in fields if get_origin(field.annotation) is frozenset),
        )

    @classmethod
    def require(cls, query: MultiMapping[str], path: Mapping[str, str]) -> None:
        """Raise an ApiError for a missing or empty required parameter."""
        for name in cls._names().required:
            if name not in path and not query.get(name):
                raise invalid_parameter(f"{name} is required")

    @classmethod
    def parse(cls, query: MultiMapping[str], path: Mapping[str, str]) -> Self:
        """Return the parameters of query and path. Raise an ApiError that names the first invalid one."""
        names = cls._names()
        given: dict[str, object] = dict(path)
        for name, value in query.items():
            if name not in names.known or name in path:
                known = ", ".join(each for each in names.known if each not in path)
                raise invalid_parameter(f"{quoted(name)} is unknown" + (f"; known: {known}" if known else ""))
            if name not in names.repeatable:
                if name in given:
                    raise invalid_parameter(f"{name} is given more than once")
                given[name] = value
            elif name not in given:
                given[name] = ",".join(query.getall(name)).split(",")
        for name in cls.empty_is_default:
            if given.get(name) in ("", [""]):
                del given[name]
        try:
            params = cls.model_validate(given)
        except ValidationError as error:
            raise invalid_parameter(_message(error.errors(include_url=False)[0])) from None
        params.check(given)
        return params

    def check(self, given: Collection[str]) -> None:
        """Raise an ApiError for parameters that contradict each other; ``given`` are the names of all."""


def _message(error: ErrorDetails) -> str:
    name, value = error["loc"][0], quoted(error["input"])
    if error["type"] == "literal_error":
        return f"{name} {value} is not supported; supported: {error['ctx']['expected'].replace(chr(39), '')}"
    return f"{name} {value} {error['ctx']['error']}"
