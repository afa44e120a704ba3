"""What responses share: the envelope around their data, the pages of lists, and the result of a probe."""

from typing import Annotated, Generic, Literal, NotRequired, TypeVar

from pydantic import Field
from typing_extensions import TypedDict

T = TypeVar("T")


class Meta(TypedDict):
    """The outcome of the request."""

    code: Annotated[
        int, Field(description="2000 for success, or the error's code: the HTTP status and one more digit.")
    ]
    message: Annotated[str, Field(description="OK, or the error's message.")]
    clusters: NotRequired[
        Annotated[
            list[str],
            Field(
                description="The known clusters; only for Cluster not found, and for a caller that may list "
                "them."
            ),
        ]
    ]


class Envelope(TypedDict, Generic[T]):
    """The envelope of every JSON response; data is null in an error."""

    meta: Annotated[Meta, Field(description="The outcome of the request.")]
    data: Annotated[T, Field(description="The data of the response; null in an error.")]


Page = TypedDict(
    "Page",
    {
        "continue": Annotated[
            str | None,
            Field(
                description="The token of the next page, for the parameter continue; null on the last page."
            ),
        ]
    },
)


class Health(TypedDict):
    """The result of a probe."""

    status: Annotated[Literal["ok"], Field(description="Always ok: an error has another HTTP status.")]
