"""Files and parts of files that are made from the declarations of the alerts: rules, cases and docs.

``python -m tests.monitoring`` writes it anew.
"""

import re
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lens.config.reading import PREFIX
from lens.config.serve import ServeSettings
from lens.model.alerts.alert import AlertType
from lens.model.alerts.catalogue import ALERT_TYPES
from tests.monitoring.files import CASES, GUIDE, ROOT, RULES

REFERENCE = ROOT / "docs/realtime.md"

NAMES_THEM = "The alerts of the status (include=alerts) name them."

_MAX_NAMED = 5
_OBJECT = (
    "{{ if .Labels.pod }} pod {{ .Labels.namespace }}/{{ .Labels.pod }}{{ end }}"
    "{{ if .Labels.gpu }} GPU {{ .Labels.gpu }} {{ .Labels.uuid }}{{ end }}"
    "{{ if .Labels.node }} node {{ .Labels.node }}{{ end }};"
)


def objects(kind: AlertType[Any]) -> str:
    """Return the part of a rule's description that names some objects, if lens_alert_info has them.

    It is an annotation, so an alert of Prometheus stays the same while its objects change.
    """
    series = f'lens_alert_info{{type="{kind.type}", severity=%q, cluster=%q}}'
    most = f"topk({_MAX_NAMED}, max by (node, gpu, uuid, namespace, pod) ({series}))"
    found = f"printf `{most}` $labels.severity $labels.cluster | query"
    named = f"They are about:{{{{ range . }}}}{_OBJECT}{{{{ end }}}}"
    return f"{{{{ with {found} }}}}{named}{{{{ else }}}}{NAMES_THEM}{{{{ end }}}}"


def description(kind: AlertType[Any], named: str | None = None) -> str:
    """Return what a rule says of an alert, without Markdown; ``named`` is what its objects are told as."""
    return f"{kind.meaning} {kind.action} ".replace("`", "") + (objects(kind) if named is None else named)


def summary(kind: AlertType[Any], value: object = "{{ $value }}") -> str:
    """Return what a rule says of so many alerts."""
    return f"{kind.summary}: {value}"


def severity(kind: AlertType[Any]) -> str:
    """Return the severity of an alert's rule."""
    return kind.severities[0] if len(kind.severities) == 1 else "{{ $labels.severity }}"


def rules() -> str:
    """Return the Prometheus rules."""
    return "".join(
        f"""\
      - alert: Lens{kind.type}
        expr: max by (cluster, severity) (lens_alerts{{type="{kind.type}"}}) > 0
        labels:
          severity: {_quoted(severity(kind))}
        annotations:
          summary: {_quoted(summary(kind))}
          description: >-
{_folded(description(kind), 12)}
"""
        for kind in ALERT_TYPES
    )


def cases() -> dict[str, str]:
    """Return the parts of the rules' cases, by name: each alert is raised and cleared."""
    first = ALERT_TYPES[0]
    each = [(kind, severity) for kind in ALERT_TYPES for severity in kind.severities]
    return {
        "series": "".join(
            f"""      - {{series: 'lens_alerts{{cluster="c", pod="lens-a", severity="{severity}", """
            f"""type="{kind.type}"}}', values: 0x4 2x5 0x9}}\n"""
            for kind, severity in each
        ),
        "alerts": "".join(
            f"""          - {{labels: 'ALERTS{{alertname="Lens{kind.type}", alertstate="firing", """
            f"""cluster="c", severity="{severity}"}}', value: 1}}\n"""
            for kind, severity in each
        ),
        "annotations": f"""\
              summary: {_quoted(summary(first, 2))}
              description: >-
{_folded(description(first, "They are about: GPU 3 GPU-8a6f node gpu-node-1;"), 16)}
""",
    }


def table() -> str:
    """Return the rows of the reference's table of alerts."""
    return "".join(
        f"| `{kind.type}` | {' or '.join(kind.severities)} | {kind.meaning} | {_lasting(kind)} |\n"
        for kind in ALERT_TYPES
    )


def guide() -> str:
    """Return the guide's sections."""
    return "\n".join(
        f"### Lens{kind.type}\n\n"
        + textwrap.fill(
            f"{kind.meaning} {kind.action} {kind.guide}".strip(),
            width=120,
            break_long_words=False,
            break_on_hyphens=False,
        )
        + "\n"
        for kind in ALERT_TYPES
    )


def files() -> Iterator[tuple[Path, str]]:
    """Go through the files that have made parts, each with the text that it should have."""
    yield RULES, _replaced(RULES, {"rules": rules()})
    yield CASES, _replaced(CASES, cases())
    yield REFERENCE, _replaced(REFERENCE, {"alerts": f"{_HEAD}{table()}"})
    yield GUIDE, _replaced(GUIDE, {"alerts": f"\n{guide()}\n"})


_HEAD = "| type | severity | when | lasting, in seconds |\n| --- | --- | --- | --- |\n"


def _replaced(file: Path, parts: Mapping[str, str]) -> str:
    """Return a file with the lines between ``made: <name>`` and ``end of <name>`` replaced."""
    text = file.read_text()
    for name, part in parts.items():
        pattern = re.compile(rf"^(.*\bmade: {name}\b.*\n)(?:.*\n)*?(.*\bend of {name}\b)", re.MULTILINE)
        text, replaced = pattern.subn(lambda match, part=part: match[1] + part + match[2], text)  # type: ignore[misc]
        assert replaced == 1, f"{file} has {replaced} parts that are called {name}"
    return text


def _lasting(kind: AlertType[Any]) -> str:
    if kind.lasting is None:
        return "0"
    default = ServeSettings.model_fields[f"alert_{kind.lasting}"].default
    return f"`{PREFIX}ALERT_{kind.lasting.upper()}` ({default:g})"


def _quoted(text: str) -> str:
    if re.fullmatch(r"\w+", text):
        return text
    return f'"{text}"' if "'" in text else f"'{text}'"


def _folded(text: str, indent: int) -> str:
    return textwrap.fill(
        text,
        width=118,
        initial_indent=" " * indent,
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
