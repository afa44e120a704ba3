"""What a Lens answers to `lens mcp`, or what stands at its address."""

import atexit
import contextlib
from functools import cache

from lens.mcp import answers
from lens.mcp.client import ApiRequest, Client, RequestError
from tests.fuzz.answering import answering
from tests.fuzz.target import target
from tests.fuzz.workplace import finished

KINDS = (answers.Clusters, answers.Status, answers.Tasks, answers.PendingTasks)


@cache
def _client() -> Client:
    client = finished(Client(answering().url).__aenter__())
    atexit.register(lambda: finished(client.__aexit__(None, None, None)))
    return client


@target("mcp-answer", longest=2**18)
def mcp_answer(data: bytes) -> None:
    """Hold an answer against each type that it may have, and an error against what errors have."""
    for status in (200, 403):
        answering().answer(status, data)
        for kind in KINDS if status == 200 else KINDS[:1]:
            with contextlib.suppress(RequestError):
                finished(_client().get(ApiRequest("/"), None, kind))
