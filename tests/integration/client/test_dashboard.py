"""`kubectl lens dashboard`: the page on a port of this machine, with a token that only its user sees."""

import json
import re
import shlex
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

import pytest

from tests.integration.client.conftest import Operator
from tests.integration.client.scene import (
    CLUSTER,
    DEADLINE_S,
    TOKEN,
    Scene,
    command,
    environment,
    fails,
    run,
)
from tests.integration.operator import wait_for

ADDRESS = re.compile(r"(http://127\.0\.0\.1:\d+/)#token=(\S+)\n")


class Browser(NamedTuple):
    """What makes it the browser, and the file that has what it was told."""

    variables: dict[str, str]
    file: Path

    def told(self) -> list[str]:
        """Return the URL that it was started with, and what it was answered."""
        wait_for(self.file.exists, "the browser's end")
        return self.file.read_text().splitlines()


@contextmanager
def dashboard(*arguments: object, **variables: str) -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    """Give a running dashboard with its address and the token behind it."""
    process = subprocess.Popen(
        command("dashboard", *arguments),
        env=environment(**variables),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        found = ADDRESS.fullmatch(process.stdout.readline())
        assert found, process.communicate(timeout=DEADLINE_S)
        assert process.stdout.readline() == "Ctrl+C ends it.\n"
        yield process, found[1], unquote(found[2])
    finally:
        process.kill()
        process.communicate()


def ask(address: str, path: str, token: str) -> tuple[int, bytes]:
    """Return an answer's status and body."""
    request = urllib.request.Request(f"{address}{path}", headers={"Authorization": f"Bearer {token}"})
    try:
        with urllib.request.urlopen(request, timeout=DEADLINE_S) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def test_the_page_and_the_api_are_there_for_many_connections_until_ctrl_c(
    lens: Operator, kubeconfig: Path
) -> None:
    with dashboard("--kubeconfig", kubeconfig, "--no-browser") as (process, address, token):
        assert token == TOKEN
        assert b"<html" in ask(address, "", token)[1].lower()
        path = f"api/v1/realtime/status?cluster={CLUSTER}"
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: ask(address, path, token), range(16)))
        assert {status for status, _ in answers} == {200}
        assert json.loads(answers[0][1])["data"]["current_gpu_usage"]["total_gpus"] == 32
        stream = f"{address}api/v1/realtime/stream?cluster={CLUSTER}&include=status"
        request = urllib.request.Request(stream, headers={"Authorization": f"Bearer {token}"})
        with urllib.request.urlopen(request, timeout=DEADLINE_S) as events:
            lines = [events.readline() for _ in range(4)]
        assert any(line.startswith(b"event: snapshot") for line in lines)
        process.send_signal(signal.SIGINT)
        rest = process.communicate(timeout=DEADLINE_S)
        assert (process.returncode, rest) == (0, ("\n", ""))


@pytest.fixture
def browser(tmp_path: Path) -> Browser:
    """Return a browser that opens a connection which it doesn't use, and then asks three times."""
    script, program = tmp_path / "browser", tmp_path / "browser.py"
    # The interpreter's path may have blanks, which no first line of a script can have.
    script.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {program} "$@"\n')
    program.write_text(
        "import http.client, socket, sys, urllib.parse\n"
        "url = urllib.parse.urlsplit(sys.argv[1])\n"
        "answers = []\n"
        "unused = socket.create_connection((url.hostname, url.port))\n"
        "for path in ('/favicon.ico', url.path, url.path):\n"
        "    connection = http.client.HTTPConnection(url.netloc, timeout=10)\n"
        "    try:\n"
        "        connection.request('GET', path)\n"
        "        answer = connection.getresponse()\n"
        "        answers.append(f'{answer.status} {answer.headers.get(\"Location\")}')\n"
        "    except OSError:\n"
        "        answers.append('gone')\n"
        f"open({str(tmp_path / 'new')!r}, 'w').write('\\n'.join([sys.argv[1], *answers]))\n"
        f"import os; os.rename({str(tmp_path / 'new')!r}, {str(tmp_path / 'told')!r})\n"
    )
    script.chmod(0o755)
    return Browser({"BROWSER": f"{script} %s &", "DISPLAY": ":9"}, tmp_path / "told")


def test_a_browser_gets_the_token_and_the_command_line_does_not(
    lens: Operator, kubeconfig: Path, browser: Browser
) -> None:
    with dashboard("--kubeconfig", kubeconfig, **browser.variables) as (_, address, token):
        opened, icon, first, again = browser.told()
        assert token not in opened
        assert icon == "404 None"
        assert first == f"302 {address}#token={token}"
        assert again == "gone"


def test_a_browser_is_led_to_a_lens_with_an_address_too(lens: Operator, browser: Browser) -> None:
    """The command ends once it was."""
    done = run("dashboard", "--server", lens.url, "--token", "secret", **browser.variables)
    assert (done.returncode, done.stdout) == (0, f"{lens.url}/#token=secret\n")
    assert browser.told()[2] == f"302 {lens.url}/#token=secret"


def test_what_goes_wrong_later_is_a_line_and_the_next_connection_works(
    scene: Scene, lens: Operator, kubeconfig: Path
) -> None:
    with dashboard("--kubeconfig", kubeconfig, "--no-browser") as (process, address, token):
        for server in (scene.http, scene.https):
            server.port_forwards.addresses.clear()
        port = int(address.rstrip("/").rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S) as connection:
            assert connection.recv(1) == b""
        scene.http.port_forwards.addresses["lens/lens-0"] = lens.address
        assert ask(address, "healthz", token)[0] == 200
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=DEADLINE_S)
    assert errors == (
        "kubectl lens: the apiserver answers HTTP 404 to create pods/portforward in namespace lens: "
        'pods "lens-0" not found\n'
    )


def test_a_lens_with_an_address_needs_no_port(lens: Operator) -> None:
    done = run("dashboard", "--server", lens.url, "--token", "a/b", "--no-browser")
    assert (done.returncode, done.stdout) == (0, f"{lens.url}/#token=a%2Fb\n")


def test_a_port_that_is_taken_is_named(lens: Operator, kubeconfig: Path) -> None:
    taken = lens.address[1]
    assert fails("dashboard", "--kubeconfig", kubeconfig, "--port", taken, status=2) == (
        f"--port: can't listen on 127.0.0.1:{taken}: Address already in use: choose another"
    )
    assert fails("dashboard", "--port", "x", status=2) == (
        "--port: 'x' is no port, 0 to 65535: see kubectl lens dashboard --help"
    )
