"""The OpenAPI document as an HTML page, without scripts and without any other resource."""

import json
import re
from collections.abc import Iterator
from html import escape
from typing import Any

from tests.contract.openapi.document import Document

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


def render(document: Document) -> str:
    """Return an OpenAPI document as HTML."""
    info, paths = document["info"], document["paths"]
    schemas = document["components"]["schemas"]
    body = [
        f"<h1>{escape(info['title'])} {escape(info['version'])}</h1>",
        f"<p>{escape(info['summary'])} For programs: <a href=/openapi.json>/openapi.json</a>.</p>",
        "<nav>",
        *(f"<a href='#{escape(path)}'><code>{escape(path)}</code></a>" for path in paths),
        "</nav>",
        "<h2>Access</h2>",
        f"<p>{_text(document['components']['securitySchemes']['token']['description'])}</p>",
    ]
    for path, item in paths.items():
        for method, operation in item.items():
            body += _operation(path, method, operation)
    body.append("<h2>Types</h2>")
    for name, schema in schemas.items():
        body += _type_section(name, schema)
    body.append("<h2>Errors</h2>")
    body += _table(
        ("status", "code and message", "when"),
        (
            (_code(status), _error(answer["content"]), escape(answer["description"]))
            for status, answer in document["components"]["responses"].items()
        ),
    )
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><title>Lens API</title>"
        "<meta name=viewport content='width=device-width'>"
        f"<style>{_STYLE}</style><body>\n" + "\n".join(body) + "\n</body></html>\n"
    )


def _operation(path: str, method: str, operation: Document) -> Iterator[str]:
    # A link leads to the first method of a path.
    anchor = escape(path) if method == "get" else f"{method} {escape(path)}"
    yield f"<h2 id='{anchor}'><code>{method.upper()} {escape(path)}</code></h2>"
    yield f"<p>{escape(operation['summary'])}</p>"
    if operation["parameters"]:
        yield from _table(
            ("parameter", "type", ""),
            (
                (
                    _code(each["name"]),
                    _type_name(each["schema"]) + ("" if not each["required"] else ", required"),
                    escape(each["description"]),
                )
                for each in operation["parameters"]
            ),
        )
    if "requestBody" in operation:
        types = " or ".join(map(_code, operation["requestBody"]["content"]))
        yield f"<p>Body: {types}. {escape(operation['requestBody']['description'])}</p>"
    contents = operation["responses"]["200"]["content"]
    types = " or ".join(
        f"{_code(media_type)} {_type_name(each['schema'])}" for media_type, each in contents.items()
    )
    others = (_code(status) for status in operation["responses"] if status != "200")
    yield f"<p>Response: {types}. Other statuses: {', '.join(others)}.</p>"
    for each in contents.values():
        if "example" in each:
            example = json.dumps(each["example"], indent=2, ensure_ascii=False)
            yield f"<details><summary>Example</summary><pre><code>{escape(example)}</code></pre></details>"


def _error(content: Document) -> str:
    """Return the code and message of an error's example."""
    (each,) = content.values()
    meta = each["example"]["meta"]
    return f"{_code(meta['code'])} {escape(meta['message'])}"


def _type_section(name: str, schema: Document) -> Iterator[str]:
    yield f"<h3 id='{escape(name)}'>{escape(name)}</h3><p>{escape(schema.get('description', ''))}</p>"
    required = schema.get("required", ())
    yield from _table(
        ("field", "type", ""),
        (
            (
                _code(field),
                _type_name(field_schema) + ("" if field in required else ", optional"),
                escape(field_schema.get("description", "")),
            )
            for field, field_schema in schema.get("properties", {}).items()
        ),
    )


def _type_name(schema: Document) -> str:
    """Return a schema's type in a few words."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f"<a href='#{name}'>{name}</a>"
    if "anyOf" in schema:
        return " or ".join(_type_name(each) for each in schema["anyOf"])
    if "enum" in schema:
        return " | ".join(map(_code, schema["enum"]))
    if "const" in schema:
        return _code(schema["const"])
    if schema.get("type") == "array":
        return f"list of {_type_name(schema.get('items', {}))}"
    if isinstance(values := schema.get("additionalProperties"), dict):
        return f"{_type_name(values)} by name"
    return escape(str(schema.get("type", "anything")))


def _text(text: str) -> str:
    """Return a text in which backticks enclose code."""
    return re.sub("`([^`]+)`", r"<code>\1</code>", escape(text))


def _code(text: Any) -> str:
    return f"<code>{escape(str(text))}</code>"


def _table(head: tuple[str, ...], rows: Any) -> Iterator[str]:
    yield "<table><tr>" + "".join(f"<th>{cell}</th>" for cell in head) + "</tr>"
    for row in rows:
        yield "<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>"
    yield "</table>"
