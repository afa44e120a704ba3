"""``kubectl_complete-lens``: what Tab offers after ``kubectl lens``.

kubectl runs it with the words so far, and it completes the last one. kubectl reads a choice a line, with a
description after a tab, and then a directive of cobra's (kubectl, pkg/cmd/plugin/plugin_completion.go).
"""

import argparse
import importlib
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from lens_client import options
from lens_client.commands import COMMANDS
from lens_client.exits import CommandError, UsageError
from lens_client.options import Options
from lens_client.output.text import one_line

SECONDS = 3.0
"""The longest that Tab may take."""

_NO_FILES = ":4"
_FILES = ":0"

OUTPUTS = ("wide", "json", "yaml", "name", "csv", "jsonpath=", "custom-columns=")


def main() -> None:
    """Print the choices. Never fail: a shell shows no errors of a completion."""
    choices, directive = complete(sys.argv[1:], os.environ)
    lines = [
        f"{choice}\t{one_line(description)}" if description else choice
        for choice, description in choices
        # A shell would interpret special characters in a name.
        if one_line(choice) == choice
    ]
    text = "".join(f"{line}\n" for line in (*lines, directive))
    try:
        # The locale's encoding may lack a character of a description.
        os.write(sys.stdout.fileno(), text.encode(sys.stdout.encoding, "replace"))
    except (OSError, AttributeError):
        return


def complete(words: Sequence[str], environ: Mapping[str, str]) -> tuple[list[tuple[str, str]], str]:
    """Return what the last word may become, with descriptions, and the directive."""
    *before, last = words or [""]
    name, rest = options.split(before)
    if name is not None and name not in COMMANDS:
        return [], _NO_FILES
    parser = options.shared() if name is None else _parser(name)
    if name is None and not last.startswith("-") and not _wants_value(parser, before):
        return [(each, what) for each, what in COMMANDS.items() if each.startswith(last)], _NO_FILES
    option, equals, value = last.partition("=")
    if equals and option.startswith("--"):
        action = parser._option_string_actions.get(option)
        prefix = f"{option}="
    else:
        action, value, prefix = _wants_value(parser, rest), last, ""
        if action is not None:
            rest = rest[:-1]
        elif last.startswith("-"):
            return _flags(parser, last), _NO_FILES
        else:
            action = _operand(parser, rest)
    if action is None:
        return [], _NO_FILES
    if action.metavar == "FILE":
        return [], _FILES
    found = _values(action.dest, parser, rest, environ)
    return [(f"{prefix}{each}", "") for each in found if each.startswith(value)], _NO_FILES


def _parser(name: str) -> options.Parser:
    command: Any = importlib.import_module(f"lens_client.commands.{name}")
    parser = options.Parser("")
    command.add_arguments(parser)
    options.add_connection(parser)
    return parser


def _flags(parser: options.Parser, start: str) -> list[tuple[str, str]]:
    return [
        (flag, action.help or "")
        for action in parser._actions
        for flag in action.option_strings
        if flag.startswith(start) and flag.startswith("--") and action.help is not argparse.SUPPRESS
    ]


def _wants_value(parser: options.Parser, words: Sequence[str]) -> argparse.Action | None:
    """Return the option whose value comes next; None if none does."""
    action = parser._option_string_actions.get(words[-1]) if words else None
    return action if action is not None and action.nargs is None else None


def _operand(parser: options.Parser, words: Sequence[str]) -> argparse.Action | None:
    """Return the operand that comes next; None if all are given."""
    operands = [action for action in parser._actions if not action.option_strings]
    given, skip = 0, False
    for word in words:
        if skip:
            skip = False
        elif word.startswith("-"):
            skip = _wants_value(parser, [word]) is not None
        else:
            given += 1
    return operands[given] if given < len(operands) else None


def _values(
    dest: str, parser: options.Parser, words: Sequence[str], environ: Mapping[str, str]
) -> Iterable[str]:
    """Return the values of an option or operand, as far as they are known within ``SECONDS``."""
    if dest == "output":
        return OUTPUTS
    ask = _QUESTIONS.get(dest)
    if ask is None:
        action = next(each for each in parser._actions if each.dest == dest)
        return [str(each) for each in action.choices or ()]
    given = _given(parser, words)
    given.request_timeout = min(given.request_timeout, SECONDS)
    from lens_client.context import Context

    context = Context(given, "", environ)
    try:
        return sorted(set(ask(context)))
    except CommandError:
        return []
    finally:
        context.close()


def _given(parser: options.Parser, words: Sequence[str]) -> Options:
    """Return the options of an unfinished command line."""
    for action in parser._actions:
        action.required = False
        if not action.option_strings:
            action.nargs = "?"
    try:
        return parser.parse_known_args([*words], namespace=Options())[0]
    except (UsageError, SystemExit):
        return Options()


def _contexts(context: Any) -> Iterable[str]:
    from lens_client.reach.kubeconfig import contexts

    return contexts.names(context.options.kubeconfig, context.environ)


def _nodes(context: Any) -> Iterable[str]:
    from lens_client.api import schema

    nodes = context.lens.get("/api/v1/realtime/nodes", schema.Nodes).data["nodes"]
    return [each["node_name"] for each in nodes]


def _products(context: Any) -> Iterable[str]:
    from lens_client.api import schema

    products = context.lens.get("/api/v1/realtime/status", schema.Status).data["products"]
    return [each["product"] for each in products if each["product"] is not None]


def _clusters(context: Any) -> Iterable[str]:
    from lens_client.api import schema

    clusters = context.lens.get("/api/v1/clusters", schema.Clusters, cluster=False).data["clusters"]
    return [each["name"] for each in clusters]


def _tasks(context: Any) -> list[Any]:
    from lens_client.api import schema

    query = {"namespace": context.namespace}
    everything = {**query, "state": "all"}
    running = context.lens.get("/api/v1/realtime/running-tasks", schema.RunningTasks, everything)
    pending = context.lens.get("/api/v1/realtime/pending-tasks", schema.PendingTasks, query)
    return [*running.data["tasks"], *pending.data["tasks"]]


def _pods(context: Any) -> Iterable[str]:
    return [f"pod/{each['pod_name']}" for each in _tasks(context)]


def _namespaces(context: Any) -> Iterable[str]:
    context.options.all_namespaces = True
    return [each["namespace"] for each in _tasks(context)]


_QUESTIONS: dict[str, Callable[[Any], Iterable[str]]] = {
    "cluster": _clusters,
    "context": _contexts,
    "namespace": _namespaces,
    "node": _nodes,
    "pod": _pods,
    "product": _products,
}
"""Where values come from, by the name of the option or operand."""
