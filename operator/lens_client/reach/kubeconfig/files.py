"""The files of a kubeconfig, merged by client-go's rules (tools/clientcmd).

The first file that has an entry counts, and a relative path starts at the folder of its file.
"""

import datetime
import json
import os
from collections.abc import Mapping
from typing import Any, NoReturn

from lens_client.exits import CommandError, UsageError

MAX_FILE_BYTES = 16 * 2**20

_PATHS = {
    "clusters": ("certificate-authority",),
    "users": ("client-certificate", "client-key", "tokenFile"),
}

Entry = Mapping[str, Any]


def paths(path: str | None, environ: Mapping[str, str]) -> list[str]:
    """Return the files that exist: that of --kubeconfig, or those of KUBECONFIG, or kubectl's default."""
    if path is not None:
        if not os.path.isfile(path):
            raise UsageError(f"--kubeconfig: there is no file {path}")
        return [path]
    named = [each for each in environ.get("KUBECONFIG", "").split(os.pathsep) if each]
    if not named:
        named = [os.path.join(environ.get("HOME") or os.path.expanduser("~"), ".kube", "config")]
    return [each for each in named if os.path.isfile(each)]


class MergedFiles:
    """The entries of all files by kind and name. Of several with one name the first counts."""

    def __init__(self, files: list[str]) -> None:
        """Read the files. Raise CommandError, naming the file."""
        self.current = ""
        self.entries: dict[str, dict[str, Entry]] = {"clusters": {}, "users": {}, "contexts": {}}
        for file in files:
            document, folder = _read(file), os.path.dirname(os.path.abspath(file))
            current = scalar(document.get("current-context"))
            if not self.current and isinstance(current, str):
                self.current = current
            for kind, found in self.entries.items():
                entries = document.get(kind) or []
                if not isinstance(entries, list):
                    fail(file, f"{kind} is no list")
                for index, named in enumerate(entries):
                    name, entry = _named(file, kind, index, named)
                    for key in _PATHS.get(kind, ()):
                        if isinstance(entry.get(key), str) and entry[key]:
                            entry[key] = os.path.join(folder, entry[key])
                    if kind == "users":
                        entry["folder"] = folder
                    found.setdefault(name, entry)

    def entry(self, kind: str, name: str, source: str) -> Entry:
        """Return an entry. Raise CommandError."""
        found = self.entries[kind].get(name)
        if found is None:
            others = ", ".join(list(self.entries[kind])[:10]) or "none"
            raise CommandError(f"{source}: the kubeconfig has no {kind[:-1]} {name!a} ({kind}: {others})")
        return found


def _read(file: str) -> dict[str, Any]:
    try:
        with open(file, "rb") as opened:
            content = opened.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise CommandError(f"{file} can't be read: {error.strerror}") from None
    if len(content) > MAX_FILE_BYTES:
        fail(file, f"has more than {MAX_FILE_BYTES} bytes")
    document = parse(content)
    if document is None:
        return {}
    if not isinstance(document, dict):
        fail(file, "is no kubeconfig: it isn't YAML with fields")
    return document


def parse(content: bytes) -> Any:
    """Return the document of a file in JSON or YAML; the text "…" for a file that is neither."""
    if content.lstrip()[:1] == b"{":
        # Every JSON document is YAML, and a YAML parser takes a hundred times as long.
        try:
            return json.loads(content)
        except (ValueError, RecursionError):
            pass
    import yaml

    try:
        return yaml.load(content, getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 both are safe
    except (yaml.YAMLError, ValueError, RecursionError):
        return "…"


def _named(file: str, kind: str, index: int, named: Any) -> tuple[str, dict[str, Any]]:
    where = f"{kind}[{index}]"
    name = scalar(named.get("name")) if isinstance(named, dict) else None
    if not isinstance(name, str):
        fail(file, f"{where} has no name")
    entry = named.get(kind[:-1])
    if entry is not None and not isinstance(entry, dict):
        fail(file, f"{where}.{kind[:-1]} has no fields")
    return name, dict(entry or {})


def scalar(value: Any) -> Any:
    """Return a YAML scalar as the text that kubectl reads: names such as 2024 and on aren't texts in YAML."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, (int, float, datetime.date)) else value


def fail(file: str, problem: str) -> NoReturn:
    """Raise CommandError for a file."""
    raise CommandError(f"{file}: {problem}")
