"""``kubectl lens dashboard``: Lens' page in a browser, through a port of this machine."""

import argparse
import contextlib
import os
import secrets
import select
import socket
import sys
import threading
from urllib.parse import quote

from lens_client import options
from lens_client.context import Context
from lens_client.exits import YES, CommandError, UsageError
from lens_client.output.text import one_line
from lens_client.transport.deadline import Deadline

_LOGIN_SECONDS = 60.0
"""How long a browser has for its first request."""

_MAX_HEAD_BYTES = 8192


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's own options."""
    options.ignore_namespace(parser)
    parser.add_argument("--port", metavar="PORT", type=_port, default=0, help="the port here (default: any)")
    parser.add_argument("--no-browser", action="store_true", help="open no browser, print the address alone")


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!a} is no port, 0 to 65535")
    return int(text)


def run(context: Context) -> int:
    """Forward a port, open the page, and go on until Ctrl+C."""
    page = context.connection.page()
    token = context.connection.token()
    fragment = f"#token={quote(token, safe='')}" if token else ""
    if page.url is not None:
        # Lens has an address of its own: nothing to forward, only a browser to wait for.
        opening = _show(context, page.url + fragment, "")
        if opening is not None:
            opening.join()
        return YES
    server = _listen(context.options.port)
    with server:
        address = f"{page.scheme}://127.0.0.1:{server.getsockname()[1]}/"
        _show(context, address + fragment, "Ctrl+C ends it.\n")
        try:
            _serve(context, server)
        except KeyboardInterrupt:
            context.stdout.write("\n")
    return YES


def _listen(port: int) -> socket.socket:
    try:
        return socket.create_server(("127.0.0.1", port))
    except OSError as error:
        problem = f"can't listen on 127.0.0.1:{port}: {os.strerror(error.errno or 0)}"
        raise UsageError(f"--port: {problem}: choose another") from None


def _serve(context: Context, server: socket.socket) -> None:
    while True:
        connection, _ = server.accept()
        threading.Thread(target=_join, args=[context, connection], daemon=True).start()


def _join(context: Context, connection: socket.socket) -> None:
    try:
        context.connection.join(connection, Deadline(context.options.request_timeout))
    except CommandError as error:
        connection.close()
        context.stderr.write(f"{context.prog}: {one_line(str(error))}\n")


def _show(context: Context, address: str, rest: str) -> threading.Thread | None:
    """Print the address. Return the thread that opens it in a browser, if there is one."""
    context.stdout.write(f"{address}\n{rest}")
    context.stdout.flush()
    if context.options.no_browser or not _has_browser(context):
        return None
    opening = threading.Thread(target=_open, args=[address], daemon=True)
    opening.start()
    return opening


def _has_browser(context: Context) -> bool:
    """Return whether a browser would have a screen of its own, not this terminal."""
    if sys.platform in ("darwin", "win32"):
        return True
    return bool(context.environ.get("DISPLAY") or context.environ.get("WAYLAND_DISPLAY"))


def _open(address: str) -> None:
    """Open an address without putting it into a command line, which every user of the machine can read."""
    import webbrowser

    word = secrets.token_urlsafe(16)
    with socket.create_server(("127.0.0.1", 0)) as server:
        try:
            if webbrowser.open(f"http://127.0.0.1:{server.getsockname()[1]}/{word}"):
                _redirect(server, word, address)
        except (OSError, webbrowser.Error):
            # The address is on the screen in any case.
            return


def _redirect(server: socket.socket, word: str, address: str) -> None:
    """Redirect the first request for the secret ``word`` to the address.

    Browsers open connections in advance, and may send nothing on them.
    """
    deadline = Deadline(_LOGIN_SECONDS)
    with contextlib.ExitStack() as opened:
        waiting = [server]
        while True:
            ready, _, _ = select.select(waiting, [], [], deadline.left())
            for each in ready:
                if each is server:
                    waiting.append(opened.enter_context(server.accept()[0]))
                    continue
                waiting.remove(each)
                with each:
                    if _answer(each, word, address):
                        return


def _answer(connection: socket.socket, word: str, address: str) -> bool:
    """Answer a request. Return whether it was for the word, and the answer was sent."""
    try:
        connection.settimeout(_LOGIN_SECONDS)
        known = connection.recv(_MAX_HEAD_BYTES).startswith(f"GET /{word} ".encode())
        head = f"302 Found\r\nLocation: {address}\r\nCache-Control: no-store" if known else "404 Not Found"
        connection.sendall(f"HTTP/1.1 {head}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
    except OSError:
        return False  # it was closed
    return known
