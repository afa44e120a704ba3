"""One HTTP request after another on a connection, each within a time and a size."""

import contextlib
import functools
import http.client
import socket
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from lens_client.transport.deadline import BoundedSocket, Deadline

MAX_BODY_BYTES = 256 * 2**20
"""A status with 5,000 nodes has some 4 MiB."""

Dial = Callable[[Deadline], socket.socket]
"""Return a connected socket. Raise OSError."""

Headers = Iterable[tuple[str, str]]
"""Header fields; a name may be there several times."""


class ProtocolError(OSError):
    """What was received isn't HTTP, or too much."""


class Response(NamedTuple):
    """A response: its status, header fields and body."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes


class HttpClient:
    """Send requests to one server. Its connection is opened by the first request, and kept."""

    def __init__(self, host: str, dial: Dial, headers: Headers = ()) -> None:
        self._host, self._dial, self._headers = host, dial, list(headers)
        self._connection: http.client.HTTPConnection | None = None
        self._bounded: Any = None

    def request(
        self,
        method: str,
        target: str,
        seconds: float,
        headers: Headers = (),
        body: bytes | None = None,
    ) -> Response:
        """Return the response within ``seconds``. Raise OSError."""
        deadline = Deadline(seconds)
        sent = [("Accept-Encoding", "gzip"), *headers]
        with self._closed_on_failure(deadline):
            response = self._send(method, target, sent, body, deadline)
            received = _read(response)
        if response.headers.get("Content-Encoding") == "gzip":
            received = _unpacked(received)
        return Response(response.status, response.headers, received)

    @contextlib.contextmanager
    def _closed_on_failure(self, deadline: Deadline) -> Iterator[None]:
        """Close the connection if the block fails. Raise OSError for what isn't HTTP or comes too late."""
        try:
            yield
        except http.client.HTTPException as error:
            self.close()
            raise ProtocolError(f"the answer is no HTTP: {error}") from None
        except TimeoutError:
            self.close()
            raise deadline.expired() from None
        except BaseException:
            self.close()
            raise

    def stream(
        self, target: str, seconds: float, idle_seconds: float, headers: Headers
    ) -> "Response | Stream":
        """Return a 200's body as a stream, and any other response whole. Raise OSError.

        The head has to come within ``seconds``. The stream raises TimeoutError after ``idle_seconds`` without
        a byte. It takes the connection, so that requests can be sent meanwhile, on another.
        """
        deadline = Deadline(seconds)
        with self._closed_on_failure(deadline):
            response = self._send("GET", target, headers, None, deadline)
            if response.status != 200:
                return Response(response.status, response.headers, _read(response))
        connection, self._connection = self._connection, None
        assert connection is not None
        # After `Connection: close` the connection has let go of its socket, and the response has it.
        self._bounded.deadline, self._bounded.idle_seconds = None, idle_seconds
        return Stream(response, functools.partial(_close, response, connection))

    def detach(self) -> socket.socket | None:
        """Return the idle connection, for another protocol; None without one."""
        connection, self._connection = self._connection, None
        bounded: Any = None if connection is None else connection.sock
        return None if bounded is None else bounded.socket

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _send(
        self, method: str, target: str, headers: Headers, body: bytes | None, deadline: Deadline
    ) -> http.client.HTTPResponse:
        if self._connection is not None and self._connection.sock is not None:
            bounded: Any = self._connection.sock
            bounded.deadline = deadline
            try:
                return self._exchange(self._connection, method, target, headers, body)
            except (ConnectionError, http.client.RemoteDisconnected):
                # The server closed the kept connection. No request here does harm if it is sent twice.
                self.close()
        connection = http.client.HTTPConnection(self._host)
        self._bounded = connection.sock = BoundedSocket(self._dial(deadline), deadline)
        self._connection = connection
        return self._exchange(connection, method, target, headers, body)

    def _exchange(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        target: str,
        headers: Headers,
        body: bytes | None,
    ) -> http.client.HTTPResponse:
        connection.putrequest(method, target, skip_accept_encoding=True)
        for name, value in (*self._headers, *headers):
            try:
                connection.putheader(name, value.encode())
            except ValueError:
                # The value may be a secret.
                raise ProtocolError(f"the header field {name} would have a line end in its value") from None
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        return connection.getresponse()


class Stream:
    """The body of a response that has no end. A context manager."""

    def __init__(self, response: http.client.HTTPResponse, close: Callable[[], None]) -> None:
        self._response, self.close = response, close
        self.headers = response.headers

    def __enter__(self) -> "Stream":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def lines(self) -> Iterator[bytes]:
        """Yield each line, without its end. Raise OSError."""
        try:
            while line := self._response.readline(MAX_BODY_BYTES + 1):
                if len(line) > MAX_BODY_BYTES:
                    raise ProtocolError(f"a line of the answer has more than {MAX_BODY_BYTES} bytes")
                yield line.rstrip(b"\r\n")
        except http.client.HTTPException as error:
            raise ProtocolError(f"the answer is no HTTP: {error}") from None


def _close(response: http.client.HTTPResponse, connection: http.client.HTTPConnection) -> None:
    response.close()
    connection.close()


def _read(response: http.client.HTTPResponse) -> bytes:
    body = response.read(MAX_BODY_BYTES + 1)
    if len(body) > MAX_BODY_BYTES:
        raise ProtocolError(f"the answer has more than {MAX_BODY_BYTES} bytes")
    return body


def _unpacked(body: bytes) -> bytes:
    unpacker = zlib.decompressobj(wbits=31)
    try:
        unpacked = unpacker.decompress(body, MAX_BODY_BYTES + 1)
    except zlib.error as error:
        raise ProtocolError(f"the answer can't be unpacked: {error}") from None
    if len(unpacked) > MAX_BODY_BYTES:
        raise ProtocolError(f"the answer has more than {MAX_BODY_BYTES} bytes")
    return unpacked
