"""Settings that are a file in YAML, and so in JSON too."""

from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from lens.config import SettingsError

M = TypeVar("M", bound=BaseModel)


def read_yaml(setting: str, path: Path, model: type[M]) -> M:
    """Read a file. Raise SettingsError with one line that names the setting, the file and the field.

    Never in the file's own words, which may be secrets.
    """
    try:
        return model.model_validate(yaml.safe_load(path.read_bytes()))
    except OSError as error:
        problem = error.strerror or type(error).__name__
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "the file"
        problem = f"{field}: {first['msg'].removeprefix('Value error, ')}"
    # A ValueError is let out for what isn't UTF-8, for a date that can't be and for a number of 5,000 digits.
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        problem = "is not YAML" + (f": line {mark.line + 1}" if mark else "")
    raise SettingsError(f"{setting}: {path}: {problem}")
