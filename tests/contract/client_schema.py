"""The client's types of the API's responses (lens_client/api/schema.py), made from the OpenAPI document.

``python -m tests.contract.client_schema`` writes them anew.
"""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.contract.openapi.document import Document
from tests.contract.openapi.stored import stored

PATH = Path(__file__).parents[2] / "operator" / "lens_client" / "api" / "schema.py"

_HEAD = '''"""The types of the API's responses; docs/realtime.md has the meaning of each field.

Made by ``make schema`` from operator/lens/web/openapi.json.
"""

from typing import Any, Literal, NotRequired, TypedDict
'''

_SCALARS = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}


def source() -> str:
    """Return the module's text."""
    schemas = stored()["components"]["schemas"]
    classes = "".join(_class(name, schemas[name]) for name in _in_order(schemas))
    ruff = [str(Path(sys.executable).with_name("ruff")), "format", "--stdin-filename", str(PATH), "-"]
    return subprocess.run(ruff, input=_HEAD + classes, check=True, capture_output=True, text=True).stdout


def _in_order(schemas: Document) -> Iterator[str]:
    """Yield each type after those that it names; responses' envelopes aren't among them."""
    done: set[str] = set()

    def visit(name: str) -> Iterator[str]:
        if name not in done:
            done.add(name)
            for each in _named(schemas[name]):
                yield from visit(each)
            yield name

    for name in sorted(schemas):
        if not name.endswith("Answer") and name != "Refusal":
            yield from visit(name)


def _named(schema: object) -> Iterator[str]:
    if isinstance(schema, dict):
        if "$ref" in schema:
            yield str(schema["$ref"]).rpartition("/")[2]
        for each in schema.values():
            yield from _named(each)
    elif isinstance(schema, list):
        for each in schema:
            yield from _named(each)


def _class(name: str, schema: Document) -> str:
    required = set(schema.get("required", ()))
    fields = {
        field: _type(kind) if field in required else f"NotRequired[{_type(kind)}]"
        for field, kind in schema["properties"].items()
    }
    if "continue" in fields:
        # A word of Python: the class can't be written as one.
        rows = "".join(f"{field!r}: {kind}," for field, kind in fields.items())
        return f'{name} = TypedDict("{name}", {{{rows}}})\n'
    rows = "".join(f"    {field}: {kind}\n" for field, kind in fields.items())
    return f'class {name}(TypedDict):\n    """{schema["description"]}"""\n{rows}\n'


def _type(schema: Document | bool) -> str:
    if isinstance(schema, bool) or not schema:
        return "object"  # of any type
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " | ".join(_type(each) for each in schema["anyOf"])
    values = schema.get("enum", [schema["const"]] if "const" in schema else [])
    if values:
        return f"Literal[{', '.join(map(repr, values))}]"
    if schema["type"] == "array":
        return f"list[{_type(schema['items'])}]"
    if schema["type"] == "object" and schema.get("additionalProperties") is True:
        return "dict[str, Any]"
    if schema["type"] == "object":
        return f"dict[str, {_type(schema['additionalProperties'])}]"
    return _SCALARS[schema["type"]]


if __name__ == "__main__":
    PATH.write_text(source())
