"""``/docs``: the OpenAPI document as a page to read. No script, and nothing from any other address."""

import asyncio
import json
from collections.abc import Callable, Iterator
from html import escape
from typing import Any

from aiohttp import web

from lens.api.access.auth import Caller
from lens.api.document.openapi import Document
from lens.api.parameters import Parameters

PATH = "/docs"

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
body { color: #1c2733; background: #fff; }
code { font-family: ui-monospace, monospace; font-size: 0.92em; }
h2 { margin-top: 2.5rem; border-top: 1px solid #d5dce3; padding-top: 1rem; }
h2, h3, td { overflow-wrap: anywhere; }
table { border-collapse: collapse; table-layout: fixed; width: 100%; margin: 0.5rem 0 1rem; }
td, th { text-align: left; vertical-align: top; padding: 0.25rem 0.75rem 0.25rem 0; }
th { width: 24%; } th + th { width: 33%; } th + th + th { width: auto; }
pre { overflow: auto; max-height: 30rem; padding: 0.75rem; border: 1px solid #d5dce3; }
td, th { border-bottom: 1px solid #e6eaee; }
nav a { display: block; }
@media (prefers-color-scheme: dark) {
  body { color: #dfe6ee; background: #12181f; } a { color: #7db4ff; }
  h2, pre, td, th { border-color: #2b3642; }
}
"""

_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Cache-Control": "public, max-age=300",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}


class Reference:
    """The page, made when it is first asked for."""

    def __init__(self, document: Callable[[], Document]) -> None:
        """Take what makes the document to show."""
        self._document = document
        self._page: bytes | None = None
        self._making = asyncio.Lock()

    async def handler(self, _request: web.BaseRequest, _asked: Parameters, _caller: Caller) -> web.Response:
        """Answer with the page."""
        async with self._making:
            if self._page is None:
                # It takes 100 ms.
                self._page = await asyncio.to_thread(lambda: page(self._document()).encode())
        return web.Response(body=self._page, headers=_HEADERS)


def page(document: Document) -> str:
    """Return the page for an OpenAPI document."""
    info, paths = document["info"], document["paths"]
    schemas = document["components"]["schemas"]
    body = [
        f"<h1>{escape(info['title'])} {escape(info['version'])}</h1>",
        f"<p>{escape(info['summary'])} The same for programs: <a href=/openapi.json>/openapi.json</a>.</p>",
        "<nav>",
        *(f"<a href='#{escape(path)}'><code>{escape(path)}</code></a>" for path in paths),
        "</nav>",
    ]
    for path, item in paths.items():
        body += _operation(path, item["get"])
    body.append("<h2>Types</h2>")
    for name, schema in schemas.items():
        body += _type(name, schema)
    body.append("<h2>Errors</h2>")
    body += _table(
        ("HTTP", "code and message", "when"),
        (
            (_code(status), _error(answer["content"]), escape(answer["description"]))
            for status, answer in document["components"]["responses"].items()
        ),
    )
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><title>Lens API</title>"
        "<meta name=viewport content='width=device-width'>"
        f"<style>{_STYLE}</style><body>{''.join(body)}</body></html>"
    )


def _operation(path: str, operation: Document) -> Iterator[str]:
    yield f"<h2 id='{escape(path)}'><code>GET {escape(path)}</code></h2><p>{escape(operation['summary'])}</p>"
    if operation["parameters"]:
        yield from _table(
            ("parameter", "type", ""),
            (
                (
                    _code(each["name"]),
                    _kind(each["schema"]) + ("" if not each["required"] else ", required"),
                    escape(each["description"]),
                )
                for each in operation["parameters"]
            ),
        )
    good = operation["responses"]["200"]["content"]
    kinds = " or ".join(f"{_code(media_type)} {_kind(each['schema'])}" for media_type, each in good.items())
    others = (_code(status) for status in operation["responses"] if status != "200")
    yield f"<p>Answers {kinds}; also {', '.join(others)}.</p>"
    for each in good.values():
        if "example" in each:
            example = json.dumps(each["example"], indent=2, ensure_ascii=False)
            yield f"<details><summary>Example</summary><pre><code>{escape(example)}</code></pre></details>"


def _error(content: Document) -> str:
    """Return an error's code and message, as in its example."""
    (each,) = content.values()
    meta = each["example"]["meta"]
    return f"{_code(meta['code'])} {escape(meta['message'])}"


def _type(name: str, schema: Document) -> Iterator[str]:
    yield f"<h3 id='{escape(name)}'>{escape(name)}</h3><p>{escape(schema.get('description', ''))}</p>"
    required = schema.get("required", ())
    yield from _table(
        ("field", "type", ""),
        (
            (
                _code(field),
                _kind(kind) + ("" if field in required else ", not always"),
                escape(kind.get("description", "")),
            )
            for field, kind in schema.get("properties", {}).items()
        ),
    )


def _kind(schema: Document) -> str:
    """Return a schema in a few words."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f"<a href='#{name}'>{name}</a>"
    if "anyOf" in schema:
        return " or ".join(_kind(each) for each in schema["anyOf"])
    if "enum" in schema:
        return " | ".join(map(_code, schema["enum"]))
    if "const" in schema:
        return _code(schema["const"])
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    if isinstance(values := schema.get("additionalProperties"), dict):
        return f"{_kind(values)} by name"
    return escape(str(schema.get("type", "anything")))


def _code(text: Any) -> str:
    return f"<code>{escape(str(text))}</code>"


def _table(head: tuple[str, ...], rows: Any) -> Iterator[str]:
    yield "<table><tr>" + "".join(f"<th>{cell}</th>" for cell in head) + "</tr>"
    for row in rows:
        yield "<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>"
    yield "</table>"
