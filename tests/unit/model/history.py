"""An apiserver's memory of one resource, and what it sends of it: list pages and watch lines, as bytes."""

from typing import Any, NamedTuple

import msgspec

Object = dict[str, Any]
Key = tuple[str, str]


class Write(NamedTuple):
    """A write at a resourceVersion; ``object`` is None for a deletion."""

    version: int
    key: Key
    object: Object | None


class History:
    """Every write of one resource in order. The versions are etcd's, so all resources count them together."""

    def __init__(self) -> None:
        """Start with nothing written."""
        self._writes: list[Write] = []

    def put(self, object_: Object, version: int) -> None:
        """Create or replace an object."""
        metadata = object_["metadata"]
        key = (metadata.get("namespace", ""), metadata["name"])
        before = self.at(version).get(key)
        uid = before["metadata"]["uid"] if before else f"uid-{version}"
        stamped = object_ | {"metadata": metadata | {"uid": uid, "resourceVersion": str(version)}}
        self._writes.append(Write(version, key, stamped))

    def delete(self, key: Key, version: int) -> None:
        """Delete an object."""
        self._writes.append(Write(version, key, None))

    def restore(self, version: int) -> None:
        """Forget what was written after a version, as an etcd does that is restored from a backup."""
        self._writes = [write for write in self._writes if write.version <= version]

    def at(self, version: int) -> dict[Key, Object]:
        """Return the objects as they were at a version."""
        objects: dict[Key, Object] = {}
        for write in self._writes:
            if write.version > version:
                break
            if write.object is None:
                del objects[write.key]
            else:
                objects[write.key] = write.object
        return objects

    def versions(self, after: int) -> list[int]:
        """Return the versions at which something was written since."""
        return [write.version for write in self._writes if write.version > after]

    def line(self, version: int) -> bytes:
        """Return the watch's line of a write."""
        write = next(write for write in self._writes if write.version == version)
        before = self.at(version - 1).get(write.key)
        if write.object is not None:
            return _json({"type": "MODIFIED" if before else "ADDED", "object": write.object})
        assert before is not None
        last = before | {"metadata": before["metadata"] | {"resourceVersion": str(version)}}
        return _json({"type": "DELETED", "object": last})

    def pages(self, version: int, limit: int) -> list[bytes]:
        """Return the pages of a list at a version."""
        objects = list(self.at(version).values())
        starts = range(0, len(objects), limit) or range(1)
        return [
            _json(
                {
                    "metadata": {
                        "resourceVersion": str(version),
                        "continue": "more" if start + limit < len(objects) else "",
                    },
                    "items": objects[start : start + limit],
                }
            )
            for start in starts
        ]


def bookmark(version: int) -> bytes:
    """Return a watch's line that says how far it has come."""
    return _json({"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": str(version)}}})


def _json(value: object) -> bytes:
    return msgspec.json.encode(value)
