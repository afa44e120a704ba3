"""Commands whose options are settings: each field of the settings is a flag with the field's own help."""

import inspect
from collections.abc import Callable, Mapping

import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo

Flags = Mapping[str, str | None]
"""The given flags, by setting; None for a flag that was not given. The settings parse the texts."""


def options_of(settings: type[BaseModel]) -> Callable[[Callable[[Flags], None]], Callable[..., None]]:
    """Make a function of flags the command that has each of the settings as an option."""

    def decorate(run: Callable[[Flags], None]) -> Callable[..., None]:
        def command(**flags: str | None) -> None:
            run(flags)

        parameters = [
            inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                default=_option(name, field),
                annotation=str | None,
            )
            for name, field in settings.model_fields.items()
        ]
        command.__name__, command.__doc__ = run.__name__, run.__doc__
        command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        return command

    return decorate


def _option(name: str, field: FieldInfo) -> typer.models.OptionInfo:
    default = field.get_default()
    shown = ",".join(default) if isinstance(default, tuple) else default
    option: typer.models.OptionInfo = typer.Option(
        None,
        f"--{name.replace('_', '-')}",
        help=field.description,
        metavar=name.rpartition("_")[2].upper(),
        show_default=False if field.is_required() or default is None else str(shown).lower(),
    )
    return option
