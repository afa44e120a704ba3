"""The schema that users have, operator/lens/web/openapi.json, and what would break for them.

``python -m tests.contract.openapi.stored`` writes it and its page anew. It refuses to take anything
from them, unless ``--breaking`` says that this was decided.
"""

import asyncio
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from lens.api.server import Server
from lens.config.serve import ServeSettings
from lens.metrics import Metrics
from lens.model.cluster_state import ClusterState
from tests.contract.openapi.document import Document
from tests.contract.openapi.document import document as describe
from tests.contract.openapi.html_page import render

_WEB = Path(__file__).parents[3] / "operator" / "lens" / "web"
STORED = _WEB / "openapi.json"
PAGE = _WEB / "docs.html"


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


async def made() -> Document:
    """Return the document of this tree's routes and types. A server needs an event loop."""
    settings = ServeSettings(cluster="prod-cluster", listen="127.0.0.1:0", auth="none")  # type: ignore[arg-type]
    document: Document = json.loads(json.dumps(describe(Server(settings, ClusterState(), Metrics()).routes)))
    return document


def text(document: Document) -> str:
    """Return a document as it is stored."""
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def main() -> None:
    """Write the document and its page anew."""
    new = asyncio.run(made())
    broken = list(breaking(stored(), new)) if STORED.exists() else []
    if broken and sys.argv[1:] != ["--breaking"]:
        sys.exit("this would break clients; --breaking if it is meant to:\n" + "\n".join(broken))
    STORED.write_text(text(new))
    PAGE.write_text(render(new))


if __name__ == "__main__":
    main()
