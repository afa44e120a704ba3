"""docs/settings.md, made from the settings themselves.

``python -m tests.contract.settings_page`` writes it anew.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from lens.agent.settings import AgentSettings
from lens.config.field_types import CommaSeparated
from lens.config.listen_address import ListenAddress
from lens.config.reading import AGENT_PREFIX, PREFIX
from lens.config.serve import ServeSettings

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"

_HEAD = """\
# Settings

Each setting is an environment variable and a flag: `LENS_CACHE_SECONDS=5` is `lens serve --cache-seconds 5`,
and `LENS_AGENT_NODE=n1` is `lens agent --node n1`. A flag takes precedence. An empty variable is unset.
Lens doesn't start with an unknown setting or an invalid value, and names it.
Times are in seconds.
"""

_REST = """
In a cluster the default of `LENS_AUTH` is `kubernetes`. [realtime.md](realtime.md) describes access, limits,
alerts, streams and other clusters, [agent.md](agent.md) telemetry, and [counting.md](counting.md) GPU
resources and taints.
"""

_KINDS: dict[Any, str] = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "`true` or `false`",
    Path: "file",
    ListenAddress: "`host:port`",
    get_args(CommaSeparated)[0]: "names, comma-separated",
}
_BOUNDS = {Ge: "from {0.ge:,.10g}", Gt: "over {0.gt:,.10g}", Le: "to {0.le:,.10g}", Lt: "below {0.lt:,.10g}"}


def page() -> str:
    """Return the page."""
    return "\n".join(
        [
            _HEAD,
            "## `lens serve`\n",
            *_table(ServeSettings, PREFIX),
            _REST,
            "## `lens agent`\n",
            *_table(AgentSettings, AGENT_PREFIX),
            "",
        ]
    )


def _table(settings: type[BaseModel], prefix: str) -> Iterator[str]:
    yield "| setting | takes | default | |"
    yield "| --- | --- | --- | --- |"
    for name, field in settings.model_fields.items():
        yield (f"| `{prefix}{name.upper()}` | {_takes(field)} | {_default(field)} | {field.description} |")


def _takes(field: FieldInfo) -> str:
    kind: Any = field.annotation
    if type(None) in get_args(kind):
        (kind,) = (each for each in get_args(kind) if each is not type(None))
    if get_origin(kind) is Literal:
        return ", ".join(f"`{each}`" for each in get_args(kind))
    bounds = [_BOUNDS[type(each)].format(each) for each in field.metadata if type(each) in _BOUNDS]
    return " ".join([_KINDS[kind], *bounds])


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    default = field.get_default()
    if default is None or default == ():
        return ""
    if isinstance(default, tuple):
        return ", ".join(f"`{each}`" for each in default)
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    return f"`{default:g}`" if isinstance(default, float) else f"`{default}`"


if __name__ == "__main__":
    PAGE.write_text(page())
