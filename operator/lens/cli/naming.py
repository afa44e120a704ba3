"""Names settings in messages by the flag or the variable that the user gave."""

import re
from collections.abc import Mapping

from pydantic import BaseModel


def by_origin(
    message: str,
    prefix: str,
    settings: type[BaseModel],
    flags: Mapping[str, object],
    environ: Mapping[str, str],
) -> str:
    """Name each setting of a message by where its value comes from: --flag, VARIABLE, or both for neither."""

    def name(found: re.Match[str]) -> str:
        variable, separator = found[0].removesuffix(found[2]), found[2]
        field = found[1].lower()
        if field not in settings.model_fields:
            return found[0]
        flag = f"--{field.replace('_', '-')}"
        if flags.get(field) is not None:
            variable = flag
        elif not environ.get(variable):
            # A value that follows makes it clear already.
            variable = flag if separator == "=" else f"{flag} ({variable})"
        return variable + (" " if separator.strip() == ":" and _continues(found) else separator)

    return re.sub(rf"{prefix}([A-Z0-9_]+)(: |=|)", name, message)


def _continues(found: re.Match[str]) -> bool:
    """Return whether the rest of the message is the rest of a sentence."""
    return re.match(r"is |must |and |has ", found.string[found.end() :]) is not None
