"""Commands whose options are settings: each field of the settings is a flag with the field's own help."""

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from typer.core import TyperCommand

from lens.config.listen_address import ListenAddress

Flags = Mapping[str, str | None]
"""The given flags, by setting; None for a flag that was not given. The settings parse the texts."""

_OTHERS = "Options"

_KINDS: dict[Any, str] = {int: "N", float: "N", bool: "true|false", Path: "FILE", ListenAddress: "HOST:PORT"}


class SettingsCommand(TyperCommand):
    """A command whose help has its options in the groups of its settings."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write each group under its title."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None:
                title = getattr(parameter, "rich_help_panel", None) or _OTHERS
                groups.setdefault(title, []).append(record)
        for title, records in groups.items():
            with formatter.section(title):
                formatter.write_dl(records)


def options_of(settings: type[BaseModel]) -> Callable[[Callable[[Flags], None]], Callable[..., None]]:
    """Make a function of flags the command that has each of the settings as an option."""

    def decorate(run: Callable[[Flags], None]) -> Callable[..., None]:
        def command(**flags: str | None) -> None:
            run(flags)

        titles = group_titles(settings)
        parameters = [
            inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                default=_option(name, field, titles[name]),
                annotation=str | None,
            )
            for name, field in settings.model_fields.items()
        ]
        command.__name__, command.__doc__ = run.__name__, run.__doc__
        command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        return command

    return decorate


def group_titles(settings: type[BaseModel]) -> dict[str, str]:
    """Return the title of each setting's group: `groups` of the class names the first of each."""
    groups: Mapping[str, str] = getattr(settings, "groups", {})
    titles, title = {}, _OTHERS
    for name in settings.model_fields:
        title = groups.get(name, title)
        titles[name] = title
    return titles


def _option(name: str, field: FieldInfo, group: str) -> typer.models.OptionInfo:
    default = "required" if field.is_required() else _default(field)
    option: typer.models.OptionInfo = typer.Option(
        None,
        f"--{name.replace('_', '-')}",
        help=f"{field.description}{f'  [{default}]' if default else ''}",
        metavar=_metavar(name, field),
        show_default=False,
        rich_help_panel=group,
    )
    return option


def _default(field: FieldInfo) -> str:
    default = field.get_default()
    if default is None or default == ():
        return ""
    if isinstance(default, tuple):
        return f"default: {', '.join(default)}"
    if isinstance(default, bool):
        return f"default: {str(default).lower()}"
    return f"default: {default:g}" if isinstance(default, float) else f"default: {default}"


def _metavar(name: str, field: FieldInfo) -> str:
    kind: Any = field.annotation
    if type(None) in get_args(kind):
        (kind,) = (each for each in get_args(kind) if each is not type(None))
    if get_origin(kind) is Literal:
        return "|".join(map(str, get_args(kind)))
    if get_origin(kind) is tuple:
        return "NAME,..."
    unit = name.rpartition("_")[2].upper()
    if unit in ("SECONDS", "PERCENT", "PORT", "TOKEN", "URL"):
        return unit
    if unit == "SELECTOR":
        return "LABELS"
    return _KINDS.get(kind, "NAME")
