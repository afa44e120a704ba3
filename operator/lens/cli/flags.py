"""Settings as flags."""

from typing import Any

import typer
from pydantic import BaseModel

Flag = str | None
"""What was given, still unread: the settings check it, with the same words as for a variable."""


def flag(settings: type[BaseModel], setting: str) -> Any:
    """Make the option of a setting, with the setting's own words."""
    field = settings.model_fields[setting]
    default = field.get_default()
    shown = ",".join(default) if isinstance(default, tuple) else default
    return typer.Option(
        f"--{setting.replace('_', '-')}",
        help=field.description,
        metavar=setting.rpartition("_")[2].upper(),
        show_default=False if field.is_required() or default is None else str(shown).lower(),
    )
