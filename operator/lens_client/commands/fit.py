"""``kubectl lens fit``."""

import argparse
import codecs
import json
import re
from collections.abc import Iterator, Sequence

from lens_client import options
from lens_client.api import schema
from lens_client.api.client import Answer
from lens_client.api.parameters import option
from lens_client.context import Context
from lens_client.exits import NO, YES, CommandError, UsageError
from lens_client.listing.printer import Printer
from lens_client.views import fit

PATH = "/api/v1/realtime/fit"
MAX_BYTES = 64 * 1024
"""The most bytes of a manifest that the API accepts."""

_NOT_BLANK = re.compile(r"\S")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's own options."""
    parser.add_argument(
        "-f",
        "--filename",
        metavar="FILE",
        action="append",
        help="the manifest of a workload, in YAML or JSON; -: stdin; repeatable",
    )
    pods = parser.add_argument_group("Equal pods, instead of a manifest")
    pods.add_argument("--gpus", metavar="N", type=options.whole_number, help="GPUs of each pod (default 1)")
    pods.add_argument("--replicas", metavar="N", type=options.whole_number, help="how many pods (default 1)")
    pods.add_argument("--product", metavar="NAME", help="the GPUs' product, as in the nodes' labels")
    pods.add_argument(
        "--resource", metavar="NAME", help="the extended resource; by default any of whole GPUs"
    )
    pods.add_argument("--device-class", metavar="NAME", help="a DeviceClass instead of a resource")
    pods.add_argument("--cpu", metavar="QUANTITY", help="the CPU of each pod, such as 500m")
    pods.add_argument("--memory", metavar="QUANTITY", help="the memory of each pod, such as 64Gi")
    pods.add_argument("--priority", metavar="N", type=options.whole_number, help="the pods' priority")
    pods.add_argument(
        "--toleration",
        metavar="KEY[=VALUE][:EFFECT]",
        action="append",
        help="a taint that they tolerate; repeatable",
    )
    pods.add_argument("-l", "--selector", metavar="KEY=VALUE,…", help="labels that nodes must have")
    options.add_namespace(parser)
    options.add_output(parser, rows=False)


def run(context: Context) -> int:
    """Print whether the pods fit: 0 if they do, 3 if they don't, or if it isn't known."""
    printer = Printer(context, fit.VIEW, ("json", "yaml", "jsonpath"))
    answer = _fetch(context)
    if printer.form.is_table:
        printer.paragraphs(fit.paragraphs(answer.data, manifest=context.options.filename is not None))
    else:
        printer.document(answer.data)
    printer.age(answer.data["timestamp"], answer.age_seconds)
    return context.status(YES if answer.data["fits"] == "yes" else NO, answer.age_seconds)


def _fetch(context: Context) -> Answer[schema.Fit]:
    given = context.options
    query = {
        "gpus": given.gpus,
        "replicas": given.replicas,
        "product": given.product,
        "resource": given.resource,
        "device_class": given.device_class,
        "cpu": given.cpu,
        "memory": given.memory,
        "priority": given.priority,
        "tolerations": given.toleration,
        "selector": given.selector,
    }
    if given.filename is None:
        return context.lens.get(PATH, schema.Fit, {**query, "namespace": given.namespace})
    named = [name for name, value in query.items() if value is not None]
    if named:
        raise UsageError(f"-f has the pods, so {option(named[0])} can't be given too")
    manifest = _joined([_read(context, each) for each in given.filename])
    return context.lens.post(PATH, schema.Fit, manifest, {"namespace": _namespace(context, manifest)})


def _namespace(context: Context, manifest: bytes) -> str | None:
    """Return the namespace of -n, or the context's if the manifest names none, as for `kubectl apply`."""
    given = context.options.namespace
    if given is not None or context.options.all_namespaces or context.connection.namespace is None:
        return given
    return None if names_namespace(manifest) else context.connection.namespace


def names_namespace(manifest: bytes) -> bool:
    """Return whether an object of a manifest names a namespace. One that can't be read may name one."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        left = list(yaml.load_all(_as_yaml(manifest), loader))
    except (yaml.YAMLError, ValueError, RecursionError):
        return True
    # An alias may repeat a list, and even stand within it.
    seen: set[int] = set()
    while left:
        each = left.pop()
        if isinstance(each, dict) and id(each) not in seen:
            seen.add(id(each))
            items, meta = each.get("items"), each.get("metadata")
            left += items if isinstance(items, list) else ()
            if isinstance(meta, dict) and meta.get("namespace"):
                return True
    return False


def _joined(manifests: Sequence[bytes]) -> bytes:
    """Return several manifests as one, in YAML, so that their pods are placed together."""
    if len(manifests) == 1:
        return manifests[0]
    joined = b"\n---\n".join(map(_as_yaml, manifests))
    if len(joined) > MAX_BYTES:
        raise CommandError(f"-f: the manifests have more than {MAX_BYTES // 1024} KiB together")
    return joined


def _as_yaml(manifest: bytes) -> bytes:
    """Return a manifest without its byte order mark, and JSON without the tabs that YAML doesn't have."""
    manifest = manifest.removeprefix(codecs.BOM_UTF8)
    if manifest.lstrip()[:1] == b"{":
        try:
            return b"\n---\n".join(
                json.dumps(each, ensure_ascii=False).encode("utf-8", "surrogatepass")
                for each in _json_documents(manifest.decode())
            )
        except (ValueError, RecursionError):
            return manifest  # of YAML, or wrong: Lens says so
    return manifest


def _json_documents(text: str) -> Iterator[object]:
    """Yield JSON documents, of which several follow each other as jq writes them. Raise ValueError."""
    decoder = json.JSONDecoder()
    end = 0
    while (first := _NOT_BLANK.search(text, end)) is not None:
        document, end = decoder.raw_decode(text, first.start())
        yield document


def _read(context: Context, filename: str) -> bytes:
    try:
        if filename == "-":
            manifest = context.stdin.buffer.read(MAX_BYTES + 1)
        else:
            with open(filename, "rb") as file:
                manifest = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise CommandError(f"-f {filename}: {error.strerror}") from None
    if len(manifest) > MAX_BYTES:
        raise CommandError(f"-f {filename}: the manifest has more than {MAX_BYTES // 1024} KiB")
    if not manifest.strip():
        raise CommandError(f"-f {filename}: there is nothing in it")
    return manifest
