"""The tables of tasks' fields in docs/realtime.md, made from the API's types.

``python -m tests.contract.field_tables`` writes them anew.
"""

import re
from typing import Any

from pydantic import TypeAdapter

from lens.api.schemas.pending import PendingTask
from lens.api.schemas.tasks import Task
from tests.monitoring.files import ROOT

PAGE = ROOT / "docs/realtime.md"

_TABLES = {"fields of Task": Task, "fields of PendingTask": PendingTask}


def page() -> str:
    """Return the page with its tables as they should be."""
    text = PAGE.read_text()
    for name, schema in _TABLES.items():
        pattern = rf"^(.*\bmade: {name}\b.*\n)(?:.*\n)*?(.*\bend of {name}\b)"
        table = _table(schema).replace("\\", "\\\\")
        text, replaced = re.subn(pattern, rf"\g<1>{table}\g<2>", text, flags=re.MULTILINE)
        assert replaced == 1, f"{PAGE} has {replaced} tables that are called {name}"
    return text


def _table(schema: Any) -> str:
    document = TypeAdapter(schema).json_schema()
    rows = [
        f"| `{name}` | {_type(field, document)} | {_description(field)} |\n"
        for name, field in document["properties"].items()
    ]
    return "| field | type | |\n| --- | --- | --- |\n" + "".join(rows)


def _description(field: dict[str, Any]) -> str:
    # The words that a field may be are code.
    return re.sub(r"(?:^|(?<=\. ))([a-z]+):", r"`\1`:", field.get("description", ""))


def _type(field: dict[str, Any], document: dict[str, Any]) -> str:
    if "$ref" in field:
        field = document["$defs"][field["$ref"].rpartition("/")[2]]
    if "anyOf" in field:
        return " or ".join(_type(each, document) for each in field["anyOf"])
    if "enum" in field:
        return ", ".join(f"`{each}`" for each in field["enum"])
    if field["type"] == "array":
        return f"list of {_type(field['items'], document)}s"
    return str(field["type"])


if __name__ == "__main__":
    PAGE.write_text(page())
