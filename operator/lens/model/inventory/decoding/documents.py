"""Pages of lists and lines of watches, whose objects are decoded one by one."""

from collections.abc import Callable
from typing import Generic, TypeVar

import msgspec

from lens.model.k8s.json_depth import flattened
from lens.model.k8s.objects import BareManifest
from lens.model.k8s.surrogates import without_halves

T = TypeVar("T")


class ListMeta(msgspec.Struct, rename="camel"):
    """The metadata of a list."""

    resource_version: str
    continue_: str | None = msgspec.field(default=None, name="continue")


class Page(msgspec.Struct):
    """A page of a list, with undecoded items."""

    metadata: ListMeta
    items: list[msgspec.Raw] | None = None


class Line(msgspec.Struct):
    """A line of a watch, with an undecoded object."""

    type: str
    object: msgspec.Raw


class DecodedLine(msgspec.Struct, Generic[T]):
    """A line of a watch with its decoded object."""

    type: str
    object: T


class BarePart(msgspec.Struct, rename="camel"):
    """The identity of an object."""

    name: str
    namespace: str | None = None
    resource_version: str | None = None


class Bookmark(msgspec.Struct):
    """A bookmark, which has only a resourceVersion."""

    metadata: ListMeta


class Bare(msgspec.Struct):
    """An object of which only the identity can be decoded."""

    metadata: BarePart


def reader(type_: type[T]) -> Callable[[msgspec.Raw | bytes], T]:
    """Return a decoder that also reads JSON that is nested too deep, or has lone surrogates."""
    decode = msgspec.json.Decoder(type_).decode

    def read(document: msgspec.Raw | bytes) -> T:
        try:
            return decode(document)
        except msgspec.ValidationError:
            raise
        except (RecursionError, msgspec.DecodeError) as error:
            mend = flattened if isinstance(error, RecursionError) else without_halves
            mended = mend(bytes(document))
            if mended == bytes(document):
                raise
            return read(mended)

    return read


read_page = reader(Page)
read_line = reader(Line)
read_bookmark = reader(Bookmark)
read_metadata = reader(BareManifest)
read_bare = reader(Bare)
