"""The options of the commands, which are kubectl's where kubectl has them."""

import argparse
import re
from collections.abc import Sequence
from typing import NoReturn

from lens_client.exits import UsageError

DEFAULT_REQUEST_SECONDS = 15.0

_DURATION = re.compile(r"(?:(\d+(?:\.\d+)?)(ms|s|m|h)?)+")
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)?")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "": 1.0}


class Options(argparse.Namespace):
    """The options that were given. Those that a command doesn't take have their defaults."""

    context: str | None = None
    kubeconfig: str | None = None
    as_user: str | None = None
    as_group: list[str] | None = None
    request_timeout: float = DEFAULT_REQUEST_SECONDS
    server: str | None = None
    token: str | None = None
    certificate_authority: str | None = None
    insecure_skip_tls_verify: bool = False
    cluster: str | None = None
    lens_namespace: str | None = None
    service_account: str | None = None
    namespace: str | None = None
    all_namespaces: bool = False
    selector: str | None = None
    output: str | None = None
    no_headers: bool = False
    sort_by: str | None = None
    watch: bool = False
    max_age: float | None = None


class Parser(argparse.ArgumentParser):
    """A parser whose errors are ours. ``prog`` is what the user types: kubectl lens, or lens."""

    def __init__(self, prog: str, description: str | None = None, usage: str | None = None) -> None:
        super().__init__(
            prog=prog,
            description=description,
            usage=usage,
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )

    def error(self, message: str) -> NoReturn:
        """Raise UsageError."""
        # argparse writes "argument -n/--namespace: …"; what was typed is one of the two.
        raise UsageError(f"{message.removeprefix('argument ')}: see {self.prog} --help")


def duration(text: str) -> float:
    """Return the seconds of a duration as Go writes it: 30s, 1m30s, 500ms; a bare number is seconds."""
    if not _DURATION.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!a} is no duration such as 30s or 2m")
    return sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))


def whole_number(text: str) -> int:
    """Return a whole number. The API checks its range."""
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text[:40]!a} is no whole number") from None


def add_connection(parser: argparse.ArgumentParser) -> None:
    """Add the options of all commands: the Lens, the user, and the maximum age of the figures."""
    group = parser.add_argument_group("Which Lens, and as whom")
    group.add_argument(
        "--server", metavar="URL", help="Lens' own address; else LENS_URL; else a port-forward"
    )
    group.add_argument("--token", metavar="TOKEN", help="else LENS_TOKEN, LENS_TOKEN_FILE, the kubeconfig's")
    group.add_argument(
        "--certificate-authority", metavar="FILE", help="the CA of --server's certificate; else LENS_CA_FILE"
    )
    group.add_argument(
        "--insecure-skip-tls-verify", action="store_true", help="trust any certificate of --server"
    )
    group.add_argument("--cluster", metavar="NAME", help="which of this Lens' clusters; by default its own")
    group.add_argument("--kubeconfig", metavar="FILE", help="else KUBECONFIG, ~/.kube/config")
    group.add_argument(
        "--context", metavar="NAME", help="the kubeconfig's context; by default the current one"
    )
    group.add_argument("--as", metavar="USER", dest="as_user", help="system:serviceaccount:NAMESPACE:NAME")
    group.add_argument("--as-group", metavar="GROUP", action="append", help="may be repeated")
    group.add_argument(
        "--lens-namespace", metavar="NAME", help="where Lens runs; else LENS_NAMESPACE; else any"
    )
    group.add_argument(
        "--service-account",
        metavar="[NAMESPACE/]NAME",
        help="whose token to request where the kubeconfig has none; else LENS_SERVICE_ACCOUNT, lens-reader",
    )
    group.add_argument(
        "--request-timeout",
        metavar="DURATION",
        type=duration,
        default=DEFAULT_REQUEST_SECONDS,
        help=f"how long a request may take (default {DEFAULT_REQUEST_SECONDS:g}s)",
    )
    group.add_argument(
        "--max-age", metavar="DURATION", type=duration, help="exit with 4 if the figures are older"
    )


def add_namespace(parser: argparse.ArgumentParser) -> None:
    """Add -n and -A."""
    group = parser.add_argument_group("Which namespace")
    group.add_argument(
        "-n", "--namespace", metavar="NAME", help="by default that of the kubeconfig's context"
    )
    group.add_argument("-A", "--all-namespaces", action="store_true", help="all namespaces")


def ignore_namespace(parser: argparse.ArgumentParser) -> None:
    """Accept -n and -A for objects without a namespace and ignore them, as `kubectl get nodes` does."""
    parser.add_argument("-n", "--namespace", help=argparse.SUPPRESS)
    parser.add_argument("-A", "--all-namespaces", action="store_true", help=argparse.SUPPRESS)


def add_selector(parser: argparse.ArgumentParser) -> None:
    """Add -l."""
    parser.add_argument("-l", "--selector", metavar="LABELS", help="only those with these labels: a=b,c!=d,e")


def add_output(parser: argparse.ArgumentParser, *, rows: bool = True) -> None:
    """Add -o, and for ``rows`` the options of tables."""
    group = parser.add_argument_group("Output")
    forms = "wide, json, yaml, name, csv, jsonpath=EXPRESSION, custom-columns=HEADER:PATH,…"
    group.add_argument(
        "-o", "--output", metavar="FORMAT", help=forms if rows else "json, yaml, jsonpath=EXPRESSION"
    )
    if rows:
        group.add_argument("--no-headers", action="store_true", help="without the line of headers")
        group.add_argument(
            "--sort-by", metavar="FIELD", help="a field of the API, or a JSONPath; -FIELD reverses"
        )


def add_watch(parser: argparse.ArgumentParser) -> None:
    """Add -w."""
    parser.add_argument("-w", "--watch", action="store_true", help="then watch, and show changes")


def shared() -> Parser:
    """Return a parser of the options that are kubectl's, whatever the command."""
    parser = Parser("")
    for add in (add_connection, add_namespace, add_selector, add_output, add_watch):
        add(parser)
    return parser


def split(arguments: Sequence[str]) -> tuple[str | None, list[str]]:
    """Return the command and its arguments: kubectl's options may come before a command and after it."""
    actions = shared()._actions
    takes_value = {option for action in actions if action.nargs is None for option in action.option_strings}
    known = {option for action in actions for option in action.option_strings}
    rest = _joined(arguments, takes_value, known)
    position = 0
    while position < len(rest) and rest[position].startswith("-") and rest[position] != "--":
        position += 2 if rest[position] in takes_value else 1
    if position >= len(rest) or rest[position] == "--":
        return None, rest
    return rest[position], rest[:position] + rest[position + 1 :]


def _joined(arguments: Sequence[str], takes_value: set[str], known: set[str]) -> list[str]:
    """Return the arguments with a value that begins with a - joined to its option: argparse takes it for one.

    So ``--sort-by -utilization`` is ``--sort-by=-utilization``.
    """
    found: list[str] = []
    for position, argument in enumerate(arguments):
        previous = found[-1] if found else ""
        if previous == "--":
            return [*found, *arguments[position:]]
        is_value = previous.startswith("--") and previous in takes_value
        if is_value and argument[:1] == "-" and argument[1:2].isalpha() and argument not in known:
            found[-1] = f"{previous}={argument}"
        else:
            found.append(argument)
    return found
