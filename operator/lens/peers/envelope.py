"""Validate a peer's response against the envelope of a Lens."""

import asyncio
import re
from hashlib import sha256
from http import HTTPStatus
from typing import Literal

import msgspec

from lens.http_client import FAIR_SHARE_BYTES
from lens.model.peer import PeerAnswer, PeerFailedError, PeerRefusedError
from lens.peers.peer_client import PeerResponse

_PASSED_ON = re.compile(r"(Invalid parameter|Forbidden): [ -~]{1,500}", re.ASCII)
_NOT_FOUND = re.compile(r"(Cluster|Node|Route) not found")

_CODES = {
    HTTPStatus.BAD_REQUEST: 4000,
    HTTPStatus.UNAUTHORIZED: 4001,
    HTTPStatus.FORBIDDEN: 4003,
    HTTPStatus.NOT_FOUND: 4004,
    HTTPStatus.TOO_MANY_REQUESTS: 4029,
    HTTPStatus.SERVICE_UNAVAILABLE: 5003,
}


class _SuccessMeta(msgspec.Struct):
    code: Literal[2000]
    message: Literal["OK"]


class _SuccessData(msgspec.Struct):
    cluster: str


class _Success(msgspec.Struct):
    meta: _SuccessMeta
    data: _SuccessData


class _RefusalMeta(msgspec.Struct):
    code: int
    message: str


class _Refusal(msgspec.Struct):
    meta: _RefusalMeta
    data: None


_decode_success = msgspec.json.Decoder(_Success).decode
_decode_refusal = msgspec.json.Decoder(_Refusal).decode


async def read(received: PeerResponse, cluster: str, *, own_token: bool) -> PeerAnswer:
    """Return a peer's answer. Raise PeerFailedError and PeerRefusedError.

    The message of a refusal is passed on if it is one of Lens', and with ``own_token`` only if it can't be
    about that token.
    """
    try:
        if received.status != HTTPStatus.OK:
            refusal = _decode_refusal(received.body).meta
            if refusal.code != _CODES[HTTPStatus(received.status)]:
                raise PeerFailedError("malformed")
            if own_token and received.status == HTTPStatus.UNAUTHORIZED:
                raise PeerFailedError("unauthorized")
            message = _NOT_FOUND.fullmatch(refusal.message)
            if not own_token:
                message = message or _PASSED_ON.fullmatch(refusal.message)
            raise PeerRefusedError(received.status, message and message[0])
        # Encoding a large answer again would take some 30 ms, so its bytes are passed on unchanged.
        if _decode_success(received.body).data.cluster != cluster:
            raise PeerFailedError("wrong_cluster")
    except (ValueError, RecursionError):  # a DecodeError is a ValueError
        raise PeerFailedError("malformed") from None
    return PeerAnswer(received.body, await _digest(received.body), received.age, received.max_age)


async def _digest(body: bytes) -> str:
    if len(body) <= FAIR_SHARE_BYTES:
        return sha256(body).hexdigest()
    return (await asyncio.to_thread(sha256, body)).hexdigest()
