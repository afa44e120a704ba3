"""The numbers and times that the fields of many responses are."""

from typing import Annotated

from pydantic import Field

Count = Annotated[int, Field(ge=0)]
Seconds = Annotated[float, Field(ge=0)]
Timestamp = Annotated[
    str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$", examples=["2025-12-19T15:30:00Z"])
]
