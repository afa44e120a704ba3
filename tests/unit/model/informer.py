"""One resource's way into the ledger: bytes, decoder, store. What lens.kube does, without the network."""

from collections.abc import Hashable
from typing import Generic, TypeVar

from lens.model.inventory.decoding.decoder import Decoder
from lens.model.inventory.decoding.documents import read_bookmark, read_line, read_page
from lens.model.inventory.store import Store

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Informer(Generic[K, V]):
    """Take pages and lines."""

    def __init__(self, decoder: Decoder[K, V], store: Store[K, V]) -> None:
        """Take the two ends."""
        self._decoder = decoder
        self._store = store

    def page(self, body: bytes, *, first: bool) -> None:
        """Take a page of a list."""
        page = read_page(body)
        readings = [self._decoder.read(raw) for raw in page.items or ()]
        self._store.apply_page(
            {reading.key: reading.value for reading in readings},
            int(page.metadata.resource_version),
            first=first,
            last=not page.metadata.continue_,
        )

    def line(self, body: bytes) -> bool:
        """Take a line of a watch; return whether anything may show it."""
        line = read_line(body)
        if line.type == "BOOKMARK":
            self._store.bookmark(int(read_bookmark(line.object).metadata.resource_version))
            return False
        reading = self._decoder.read(line.object)
        view = None if line.type == "DELETED" else reading.value
        return self._store.apply_line(reading.key, view, reading.version)
