"""What callers send: fields, queries, tokens; and what they put into the files of tokens."""

import contextlib
import csv
import io
import json
from urllib.parse import unquote

from multidict import CIMultiDict
from pydantic import ValidationError
from yarl import URL

from lens.agent.tokens import BearerTokens
from lens.api import negotiation
from lens.api.access.auth import TOKEN_FIELDS, bearer_token
from lens.api.access.static_tokens import read_tokens
from lens.api.cache.content_encoding import ENCODERS
from lens.api.cache.response_cache import ResponseCache
from lens.api.errors import ApiError
from lens.api.lists import continue_token, csv_table
from lens.api.manifests import ManifestError, read_manifests
from lens.api.parameters.base import Parameters
from lens.api.parameters.fit import FitQuery
from lens.api.parameters.nodes import NodeParameters, NodesParameters
from lens.api.parameters.pods import PendingParameters, TaskParameters
from lens.api.parameters.status import StatusParameters
from lens.api.parameters.stream import StreamParameters
from lens.api.parameters.system import AccessParameters
from lens.api.request_context import RequestIds
from lens.bounds import MAX_BODY_BYTES
from lens.config.errors import SettingsError
from lens.http import request_head
from lens.http.cache_control import max_age_of_request
from lens.http.loopback import ForeignNameError, require_loopback
from lens.mcp.tools import TOOLS
from lens.model.fit.admission.workloads.workload import read_workload
from lens.model.fit.answer.asked_group import read_group
from lens.model.fit.view import NOTHING_FIT
from tests.fuzz.target import target
from tests.fuzz.workplace import FOLDER, finished

FIELD = 2**14
"""Bytes that a field may have, and about as many as a request line."""

PIECE = 64
"""Bytes of a head that come at once."""

BY_ADMINISTRATORS = 0
"""PyYAML's time grows with the square of depth; whoever may write these files needs no such way."""

QUERY = ("cluster", None, "running", None, "name")
COLUMNS = ("name", "owner")
_PARAMETERS = (
    Parameters,
    AccessParameters,
    StatusParameters,
    StreamParameters,
    NodesParameters,
    TaskParameters,
    PendingParameters,
    FitQuery,
)
_NO_TARGET = bytes({*range(256)} - {*range(0x21, 0x7F)} | {*b"#"})
_representation = ResponseCache(30.0, "epoch").put(b"key", (b"x" * 2000,), 1000.0, tag="tag")


def _field(name: str, data: bytes) -> CIMultiDict[str]:
    """Return a field as aiohttp decodes it; a line feed parts two of one name."""
    lines = data.decode("utf-8", "surrogateescape").split("\n")
    return CIMultiDict((name, line.strip(" \t\r")) for line in lines)


@target("request-head", longest=FIELD)
def head(data: bytes) -> None:
    """Find the end of a head that comes in pieces, where it is in the whole."""
    whole, received = request_head.length(bytearray(data), 0), bytearray()
    for at in range(0, len(data), PIECE):
        received += data[at : at + PIECE]
        found = request_head.length(received, at)
        if found is not None:
            assert found == whole
            return
        if request_head.is_malformed(received, at):
            return
    assert whole is None


@target("host", longest=FIELD)
def host(data: bytes) -> None:
    """Tell whether this machine is asked by its own name; a zero parts the target and further origins."""
    name, _, rest = data.partition(b"\0")
    asked, *origins = rest.decode("utf-8", "surrogateescape").split("\0")
    fields = _field("Host", name)
    fields.extend(("Origin", origin) for origin in origins)
    with contextlib.suppress(ForeignNameError):
        require_loopback(fields, asked)


@target("accept", longest=FIELD)
def accept(data: bytes) -> None:
    """Choose a media type."""
    assert negotiation.media_type(_field("Accept", data), ("application/json", "text/csv"))


@target("accept-encoding", longest=FIELD)
def accept_encoding(data: bytes) -> None:
    """Choose a content encoding."""
    fields = _field("Accept-Encoding", data)
    assert negotiation.content_encoding(fields, tuple(ENCODERS), worthwhile=True)
    assert negotiation.content_encoding(fields, tuple(ENCODERS), worthwhile=False)


@target("cache-control", longest=FIELD)
def cache_control(data: bytes) -> None:
    """Read how old an answer may be."""
    assert max_age_of_request(_field("Cache-Control", data)) >= 0


@target("if-none-match", longest=FIELD)
def if_none_match(data: bytes) -> None:
    """Tell whether a caller has an answer."""
    finished(_representation.response(_field("If-None-Match", data), 1000.0, 0.0))


@target("authorization", longest=FIELD)
def authorization(data: bytes) -> None:
    """Find a bearer token."""
    for name in TOKEN_FIELDS:
        token = bearer_token(_field(name, data))
        assert token is None or token.text


@target("request-id", longest=FIELD)
def request_id(data: bytes) -> None:
    """Take a request's id, or give it one."""
    given = RequestIds("epoch").assign(data.decode("utf-8", "surrogateescape"))
    assert given.isprintable()
    assert len(given) <= 64


@target("query", longest=FIELD)
def query(data: bytes) -> None:
    """Read a query as each endpoint does, and a node's name. aiohttp takes nothing else in a request line."""
    text = data.translate(None, _NO_TARGET).decode("ascii")
    try:
        asked = URL.build(path="/", query_string=text, encoded=True).query
    except ValueError:
        return
    for parameters in _PARAMETERS:
        with contextlib.suppress(ApiError):
            parameters.require(asked, {})
            hash(parameters.parse(asked, {}))
    with contextlib.suppress(ApiError):
        named = {"name": unquote(text)}
        NodeParameters.require(asked, named)
        NodeParameters.parse(asked, named)


@target("continue", longest=FIELD)
def continue_(data: bytes) -> None:
    """Read where a list goes on."""
    with contextlib.suppress(ApiError):
        continue_token.decode(data.decode("utf-8", "surrogateescape"), QUERY, (str, str))


@target("tokens-file", longest=BY_ADMINISTRATORS)
def tokens_file(data: bytes) -> None:
    """Read the file of callers' tokens, and that of the agent's."""
    path = FOLDER / "tokens"
    path.write_bytes(data)
    with contextlib.suppress(SettingsError):
        read_tokens(path)
    with contextlib.suppress(SettingsError):
        BearerTokens(path).accepts("Bearer token")


@target("manifest", longest=MAX_BODY_BYTES)
def manifest(data: bytes) -> None:
    """Read what somebody asks about, and the pods that it makes."""
    with contextlib.suppress(ManifestError, ValueError):
        for group in read_workload(read_manifests(data)).groups:
            read_group(group, "ns", NOTHING_FIT)


@target("mcp-arguments", longest=2**16)
def mcp_arguments(data: bytes) -> None:
    """Read what a model hands to a tool."""
    try:
        given = json.loads(data)
    except (ValueError, RecursionError):
        return
    for tool in TOOLS:
        with contextlib.suppress(ValidationError):
            tool.arguments.model_validate(given)


@target("csv-cell", longest=2**16)
def csv_cell(data: bytes) -> None:
    """Write a table of somebody's texts, and read it again: each stays in its cell."""
    texts = data.decode("utf-8", "replace").split("\t", 1)
    row = dict(zip(COLUMNS, texts, strict=False))
    written = csv_table.lines(COLUMNS, [row]).decode()
    (read,) = csv.reader(io.StringIO(written, newline=""), strict=True)
    for text, cell in zip(texts, read, strict=False):
        assert cell in (text, f"'{text}") or "\0" in text
