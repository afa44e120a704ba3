"""The schema that users have, docs/openapi.json, and what would break for them.

``python -m tests.contract.stored_schema`` writes it anew. It refuses to take anything from them, unless
``--breaking`` says that this was decided.
"""

import asyncio
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp

from lens.api.server import Server
from lens.config import ServeSettings
from lens.metrics import Metrics
from lens.model.cluster_state import ClusterState

STORED = Path(__file__).parents[2] / "docs" / "openapi.json"

Document = dict[str, Any]


def stored() -> Document:
    """Return the schema that users have."""
    document: Document = json.loads(STORED.read_text())
    return document


def breaking(old: Document, new: Document) -> Iterator[str]:
    """Go through what a client of ``old`` may trip over in ``new``."""
    for path, item in old["paths"].items():
        for method, operation in item.items():
            where = f"{method.upper()} {path}"
            if path not in new["paths"] or method not in new["paths"][path]:
                yield f"{where} is gone"
                continue
            now = new["paths"][path][method]
            yield from _parameters(where, operation["parameters"], now["parameters"])
            for media_type, content in operation["responses"]["200"]["content"].items():
                contents = now["responses"]["200"]["content"]
                if media_type not in contents:
                    yield f"{where} answers no {media_type} any more"
                else:
                    yield from _answer(where, old, content["schema"], new, contents[media_type]["schema"])


def _parameters(where: str, old: list[Document], new: list[Document]) -> Iterator[str]:
    before, now = ({each["name"]: each for each in parameters} for parameters in (old, new))
    for name, parameter in now.items():
        if parameter["required"] and not before.get(name, {"required": False})["required"]:
            yield f"{where} requires the parameter {name}"
    for name, parameter in before.items():
        if name not in now:
            yield f"{where} has no parameter {name} any more"
            continue
        was, is_ = parameter["schema"], now[name]["schema"]
        if was.get("type") != is_.get("type"):
            yield f"{where}: the parameter {name} is of another type"
        for values, values_now in ((was, is_), (was.get("items", {}), is_.get("items", {}))):
            if "enum" in values_now and (gone := set(values.get("enum", ())) - set(values_now["enum"])):
                yield f"{where}: the parameter {name} takes no {', '.join(sorted(gone))} any more"


def _answer(where: str, old: Document, was: Document, new: Document, is_: Document) -> Iterator[str]:
    """Go through what of an answer is gone, isn't always there any more, or is of another type."""
    was_one_of, is_one_of = _alternatives(old, was), _alternatives(new, is_)
    if more := is_one_of.keys() - was_one_of.keys():
        yield f"{where} may be {', '.join(sorted(more))}"
    for kind, schema in was_one_of.items():
        if kind not in is_one_of:
            if kind != "null":
                yield f"{where} is no {kind} any more"
            continue
        now = is_one_of[kind]
        for name, field in schema.get("properties", {}).items():
            inside = f"{where} {name}"
            if name not in now.get("properties", {}):
                yield f"{inside} is gone"
                continue
            if name in schema.get("required", ()) and name not in now.get("required", ()):
                yield f"{inside} is not always there"
            yield from _answer(inside, old, field, new, now["properties"][name])
        for within in ("items", "additionalProperties"):
            if isinstance(schema.get(within), dict):
                yield from _answer(f"{where} []", old, schema[within], new, now.get(within, {}))


def _alternatives(document: Document, schema: Document) -> dict[str, Document]:
    """Return what a value may be, by JSON type."""
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    if "anyOf" in schema:
        return {kind: each for one in schema["anyOf"] for kind, each in _alternatives(document, one).items()}
    return {schema.get("type", "anything"): schema}


async def served() -> Document:
    """Return the schema that a Lens of this tree serves."""
    settings = ServeSettings(cluster="prod-cluster", listen="127.0.0.1:0", auth="none")  # type: ignore[arg-type]
    server = Server(settings, ClusterState(), Metrics())
    await server.start()
    try:
        async with aiohttp.ClientSession() as session, session.get(f"{server.url}/openapi.json") as response:
            document: Document = await response.json()
            return document
    finally:
        await server.stop()


def main() -> None:
    """Write the stored schema anew."""
    new = asyncio.run(served())
    broken = list(breaking(stored(), new)) if STORED.exists() else []
    if broken and sys.argv[1:] != ["--breaking"]:
        sys.exit("this would break clients; --breaking if it is meant to:\n" + "\n".join(broken))
    STORED.write_text(json.dumps(new, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
