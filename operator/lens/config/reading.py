"""Read settings from flags and ``LENS_*`` variables, with errors that name the setting."""

import re
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from lens.config.errors import SettingsError

PREFIX = "LENS_"
AGENT_PREFIX = "LENS_AGENT_"
"""The agent's own settings, which may be in one environment with the operator's."""

# Kubernetes puts variables like LENS_API_SERVICE_HOST and LENS_API_PORT_80_TCP_ADDR into every container
# for a Service that is called lens-api: https://kubernetes.io/docs/concepts/services-networking/service/
# Its LENS_API_PORT is a URL, and so differs from a port that somebody meant for a setting.
_SERVICE_VARIABLE = re.compile(
    r".*_SERVICE_(HOST|PORT(_.*)?)=.*|.*_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?=.*|.*_PORT=\w+://.*",
    re.DOTALL,
)


_SHOWN_CHARS = 60

_PROBLEMS = {
    "missing": "is required",
    "int_parsing": "{given} is no whole number",
    "int_from_float": "{given} is no whole number",
    "float_parsing": "{given} is no number",
    "finite_number": "{given} is no number",
    "bool_parsing": "{given} is neither true nor false",
    "literal_error": "{given} is not {expected}",
    "string_pattern_mismatch": "{given} is no valid name: letters and digits, with - . _ between them",
    "greater_than_equal": "{given} is less than {ge:g}",
    "greater_than": "{given} is not more than {gt:g}",
    "less_than_equal": "{given} is more than {le:g}",
    "less_than": "{given} is not less than {lt:g}",
    "too_short": "names nothing",
}
"""The messages by pydantic's type of error."""

Settings = TypeVar("Settings", bound=BaseModel)


CLIENT_VARIABLES = frozenset(
    {
        "LENS_CA_FILE",
        "LENS_CLUSTER",
        "LENS_NAMESPACE",
        "LENS_SERVICE_ACCOUNT",
        "LENS_TOKEN",
        "LENS_TOKEN_FILE",
        "LENS_URL",
    }
)
"""The variables of `kubectl lens`, which may be set in a shell that runs the other commands too."""


def read(
    settings: type[Settings], prefix: str, flags: Mapping[str, Any], environ: Mapping[str, str]
) -> Settings:
    """Return settings: flags (None for one that was not given) before the environment's.

    A variable that is set to nothing is not set. Raise SettingsError with one line that names each
    setting at fault.
    """
    variables = {f"{prefix}{name}".upper(): name for name in settings.model_fields}
    unknown = sorted(
        name
        for name, value in environ.items()
        if name.startswith(prefix)
        and name not in variables
        and name not in CLIENT_VARIABLES
        and not _SERVICE_VARIABLE.fullmatch(f"{name}={value}")
    )
    if unknown:
        raise SettingsError(f"{', '.join(unknown)}: unknown setting")
    values: dict[str, Any] = {
        name: environ[variable] for variable, name in variables.items() if environ.get(variable)
    }
    values |= {name: value for name, value in flags.items() if value is not None}
    try:
        return settings(**values)
    except ValidationError as error:
        sentences = (_sentence(prefix, dict(each)) for each in error.errors())
        raise SettingsError("; ".join(sentences)) from None


def _sentence(prefix: str, error: dict[str, Any]) -> str:
    message = _PROBLEMS.get(error["type"], str(error["msg"]).removeprefix("Value error, "))
    given = ascii(str(error["input"])[:_SHOWN_CHARS])
    message = message.format(given=given, **error.get("ctx", {})) if error["type"] in _PROBLEMS else message
    return f"{prefix}{error['loc'][0]}".upper() + f": {message}" if error["loc"] else message
