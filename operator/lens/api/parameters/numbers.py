"""Numbers in parameters, and their schemas in the OpenAPI document."""

import re
from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema

_NUMBER = re.compile(r"[0-9]{1,9}", re.ASCII)
_INTEGER = re.compile(r"-?[0-9]{1,10}", re.ASCII)
MAX_LIMIT = 5000


def _limit(text: str) -> int:
    if not _NUMBER.fullmatch(text) or not 1 <= int(text) <= MAX_LIMIT:
        raise ValueError(f"is not a number from 1 to {MAX_LIMIT}")
    return int(text)


def _gpus(text: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise ValueError("is not a number of GPUs")
    return int(text)


def in_range(least: int, most: int) -> BeforeValidator:
    """Return the validator of an integer from ``least`` to ``most``."""

    def read(text: str) -> int:
        if not _INTEGER.fullmatch(text) or not least <= int(text) <= most:
            raise ValueError(f"is not a number from {least} to {most}")
        return int(text)

    return BeforeValidator(read)


def integer_schema(least: int, most: int) -> WithJsonSchema:
    """Return the schema of an integer from ``least`` to ``most``."""
    return WithJsonSchema({"type": "integer", "minimum": least, "maximum": most})


Limit = Annotated[int | None, BeforeValidator(_limit), integer_schema(1, MAX_LIMIT)]
GpuCount = Annotated[int | None, BeforeValidator(_gpus), integer_schema(0, 10**9 - 1)]
