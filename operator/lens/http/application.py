"""The interface between connections and an application, with the reasons to refuse a request."""

from typing import Protocol

from aiohttp import web


class HeadTooLargeError(Exception):
    """A request's head is over MAX_HEAD_BYTES."""


class NotHttpError(Exception):
    """The received bytes don't begin with a request line of HTTP/1."""


class BusyError(Exception):
    """There is no room for a response, since clients have not read earlier ones."""


class Application(Protocol):
    """Answers requests, and what the parser rejected."""

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a request whose head is complete."""
        ...

    def refuse(self, request: web.BaseRequest, error: BaseException | None) -> web.StreamResponse:
        """Answer what can't be parsed or exceeds a bound. The connection ends after it."""
        ...
