"""Ask nvidia-smi what each GPU is and does."""

import csv
import subprocess
from collections.abc import Mapping, Sequence

CLIENT_TIMEOUT_S = 60.0

Row = Mapping[str, str | None]
"""One GPU's answer by field; None for what it says that it can't tell."""


class SmiError(Exception):
    """nvidia-smi can't be asked; the message says why."""


def query(fields: Sequence[str]) -> list[Row]:
    """Return the fields of all GPUs, each in nvidia-smi's own unit. Raise SmiError."""
    command = ["nvidia-smi", f"--query-gpu={','.join(fields)}", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=CLIENT_TIMEOUT_S, check=False)
    except FileNotFoundError:
        raise SmiError("no NVIDIA driver on this machine: there is no nvidia-smi on PATH") from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SmiError(f"nvidia-smi can't be asked: {error}") from None
    if done.returncode:
        words = " ".join((done.stdout or done.stderr).split())
        raise SmiError(f"nvidia-smi exits with {done.returncode}: {words[:300]}")
    return parse(done.stdout, fields)


def parse(text: str, fields: Sequence[str]) -> list[Row]:
    """Read nvidia-smi's answer: a line for each GPU, with the fields in their order. Raise SmiError."""
    rows: list[Row] = []
    for values in csv.reader(text.splitlines(), skipinitialspace=True):
        if len(values) != len(fields):
            raise SmiError(f"nvidia-smi answers {len(values)} values and not {len(fields)}: {values}")
        rows.append(dict(zip(fields, map(_told, values), strict=True)))
    return rows


def _told(text: str) -> str | None:
    """Return a value; None for [N/A], [Not Supported], [Unknown Error] and the like."""
    text = text.strip()
    return None if text in ("", "N/A") or (text.startswith("[") and text.endswith("]")) else text
