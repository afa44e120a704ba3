"""What a peer answered, held against what a Lens answers."""

import asyncio
import re
from hashlib import sha256
from http import HTTPStatus
from typing import Literal

import msgspec

from lens.model.peer import PeerAnswer, PeerFailedError, PeerRefusedError
from lens.peers.client import LARGE, Received

_WORDS = re.compile(r"(Invalid parameter|Forbidden): [ -~]{1,500}", re.ASCII)
_NOT_FOUND = re.compile(r"(Cluster|Node|Route) not found")

_CODES = {
    HTTPStatus.BAD_REQUEST: 4000,
    HTTPStatus.UNAUTHORIZED: 4001,
    HTTPStatus.FORBIDDEN: 4003,
    HTTPStatus.NOT_FOUND: 4004,
    HTTPStatus.TOO_MANY_REQUESTS: 4029,
    HTTPStatus.SERVICE_UNAVAILABLE: 5003,
}


class _Ok(msgspec.Struct):
    code: Literal[2000]
    message: Literal["OK"]


class _Data(msgspec.Struct):
    cluster: str


class _Good(msgspec.Struct):
    meta: _Ok
    data: _Data


class _Wrong(msgspec.Struct):
    code: int
    message: str


class _Refusal(msgspec.Struct):
    meta: _Wrong
    data: None


_good = msgspec.json.Decoder(_Good).decode
_refusal = msgspec.json.Decoder(_Refusal).decode


async def read(received: Received, cluster: str, *, own_token: bool) -> PeerAnswer:
    """Return what a peer answered. Raise PeerFailedError and PeerRefusedError.

    A refusal's words are taken if they are a Lens', and where ``own_token`` was sent none that could be
    about that.
    """
    try:
        if received.status != HTTPStatus.OK:
            refusal = _refusal(received.body).meta
            if refusal.code != _CODES[HTTPStatus(received.status)]:
                raise PeerFailedError("malformed")
            if own_token and received.status == HTTPStatus.UNAUTHORIZED:
                raise PeerFailedError("unauthorized")
            words = _NOT_FOUND.fullmatch(refusal.message)
            if not own_token:
                words = words or _WORDS.fullmatch(refusal.message)
            raise PeerRefusedError(received.status, words and words[0])
        # Once over a large answer takes some 30 ms, so it is passed on as it came.
        if _good(received.body).data.cluster != cluster:
            raise PeerFailedError("wrong_cluster")
    except (ValueError, RecursionError):  # a DecodeError is a ValueError
        raise PeerFailedError("malformed") from None
    return PeerAnswer(received.body, await _digest(received.body), received.age)


async def _digest(body: bytes) -> str:
    if len(body) <= LARGE:
        return sha256(body).hexdigest()
    return (await asyncio.to_thread(sha256, body)).hexdigest()
