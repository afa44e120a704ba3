"""Settings files in YAML, and so also in JSON."""

from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from lens.config.errors import SettingsError

M = TypeVar("M", bound=BaseModel)


def read_settings_file(setting: str, path: Path, model: type[M]) -> M:
    """Read and validate a file. Raise SettingsError with one line that names setting, file and field.

    The error never quotes the file, which may have secrets.
    """
    try:
        return model.model_validate(yaml.safe_load(path.read_bytes()))
    except OSError as error:
        problem = error.strerror or type(error).__name__
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "the file"
        problem = f"{field}: {first['msg'].removeprefix('Value error, ')}"
    # Text that isn't UTF-8, an impossible date and a number of 5,000 digits raise a ValueError.
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        problem = "is not YAML" + (f": line {mark.line + 1}" if mark else "")
    raise SettingsError(f"{setting}: {path}: {problem}")
