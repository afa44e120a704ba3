"""top: the whole screen, by keys, and the terminal as it was however it ends."""

import os
import re
import signal
from collections.abc import Iterator

import pytest

from tests.contract.client import cluster, lens
from tests.contract.client.processes import Process
from tests.contract.client.running import run

LEFT = "\x1b[?7h\x1b[?25h\x1b[?1049l"
LATER = "2026-11-29T16:00:05Z"


@pytest.fixture
def server() -> Iterator[lens.FakeLens]:
    """Run a server for a test."""
    with lens.running() as found:
        yield found


def screen(shown: str, lines: int = 24) -> list[str]:
    """Return what is on the screen after all that was written since it was taken."""
    found = [""] * lines
    for part in re.split(r"(?=\x1b\[\d+;1H)|(?=\x1b\[H)", shown[shown.rindex("\x1b[?1049h") :]):
        if part.startswith("\x1b[H\x1b[2J"):
            found = [""] * lines
        elif position := re.match(r"\x1b\[(\d+);1H", part):
            text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", part)
            found[int(position[1]) - 1 :] = [text] + (
                [""] * (lines - int(position[1])) if "\x1b[J" in part else found[int(position[1]) :]
            )
    return found


def test_nodes_products_and_the_age_are_shown(server: lens.FakeLens) -> None:
    """The figures are those of the stream, and nothing of others steers the terminal."""
    with Process(server.url, ["top"], columns=100) as shell:
        shell.wait_for("10  by util  ?: keys")
        lines = screen(shell.shown)
        assert lines[0].startswith(
            "prod-cluster  140 GPUs  68 allocated  49 available  1 unhealthy  22 unavailable"
        )
        assert lines[1].startswith("NVIDIA-GB200")
        assert lines[1].rstrip().endswith("40/72")
        assert "■" in lines[1]
        rows = [line.split()[0] for line in lines[7:17]]
        assert rows[0] == "gpu-node-3"
        assert set(rows) >= {"gpu-node-1", "npu-node-1", "was-here"}
        shell.type("q")
        assert shell.end() == 0
        assert shell.shown.endswith(LEFT)
        assert shell.mode() == shell.before


def test_it_ends_with_4_when_its_figures_are_too_old(server: lens.FakeLens) -> None:
    """And the terminal is as it was."""
    server.age_seconds = 0.4
    with Process(server.url, ["top", "--max-age", "1m"]) as shell:
        shell.wait_for("Data 0.4s old")
        server.send("heartbeat", {"timestamp": LATER, "age_seconds": 60.1})
        assert shell.end() == 4
        assert shell.shown.endswith(LEFT)
        assert shell.mode() == shell.before


def test_keys_sort_filter_and_scroll(server: lens.FakeLens) -> None:
    """Each is answered at once."""
    with Process(server.url, ["top"], columns=100) as shell:
        shown = shell.wait_for("10  by util  ?: keys")
        shell.type("s")
        shown = shell.wait_for("by available", shown)
        assert screen(shell.shown)[7].startswith("nvl72-rack-1")
        shell.type("r")
        shown = shell.wait_for("by available up", shown)
        shell.type("/npu\r")
        shown = shell.wait_for("1 of 10  /npu", shown)
        assert next(line for line in screen(shell.shown)[7:23] if line).startswith("npu-node-1")
        shell.type("\x1b")
        shown = shell.wait_for("10  by available up", shown)
        shell.type("p")
        shown = shell.wait_for("NAME", shown)
        shell.resize(100, 8)
        shell.signal(signal.SIGWINCH)
        shown = shell.wait_for("\x1b[8;1H", shown)
        shell.type("\x1b[F")
        shown = shell.wait_for("nvl72-rack-1", shown)
        shell.type("?")
        shown = shell.wait_for("only what has this text", shown)
        shell.type("\x1bq")
        assert shell.end() == 0


def test_changes_are_drawn_and_only_what_differs(server: lens.FakeLens) -> None:
    """A frame after a change writes the lines that changed."""
    with Process(server.url, ["top"], columns=100) as shell:
        shown = shell.wait_for("10  by util  ?: keys")
        changed = {**cluster.NODES[0], "status": "NotReady"}
        server.send("change", {"timestamp": LATER, "nodes": {"changed": [changed], "gone": ["was-here"]}})
        shell.wait_for("NotReady", shown)
        frame = shell.shown[shown : shell.wait_for("9  by", shown)]
        assert "nvl72" not in frame


def test_a_break_of_the_stream_is_shown_and_not_printed(server: lens.FakeLens) -> None:
    """The last line says that the data doesn't change any more."""
    with Process(server.url, ["top"], columns=100) as shell:
        shown = shell.wait_for("?: keys")
        server.sent.put(None)
        shell.wait_for("trying again", shown)
        assert "trying again" in screen(shell.shown)[23]
        shell.type("q")
        assert shell.end() == 0


def test_tasks_of_one_namespace_take_no_more_rights_than_its_own(server: lens.FakeLens) -> None:
    """With -n it is the pods."""
    one = {"LENS_TOKEN": lens.NAMESPACED_TOKEN}
    with Process(server.url, ["top", "-n", "research"], columns=120, environ=one) as shell:
        shell.wait_for("5  by util  ?: keys")
        lines = screen(shell.shown)
        assert lines[0].startswith("prod-cluster  research")
        assert any("训练任务-0" in line for line in lines)
        assert "\x07" not in shell.shown
        shell.type("q")
        assert shell.end() == 0


@pytest.mark.parametrize(
    ("ended_by", "status"),
    [
        ("\x03", -signal.SIGINT),
        ("\x1c", 128 + signal.SIGQUIT),
        (signal.SIGTERM, 128 + signal.SIGTERM),
        (signal.SIGHUP, 128 + signal.SIGHUP),
    ],
    ids=["Ctrl+C", "Ctrl+backslash", "SIGTERM", "SIGHUP"],
)
def test_the_terminal_is_given_back(
    server: lens.FakeLens, ended_by: str | signal.Signals, status: int
) -> None:
    """However it ends."""
    with Process(server.url, ["top"]) as shell:
        shell.wait_for("?: keys")
        assert shell.mode() != shell.before
        if isinstance(ended_by, str):
            shell.type(ended_by)
        else:
            shell.signal(ended_by)
        assert shell.end() == status
        assert shell.shown.endswith(LEFT)
        assert shell.mode() == shell.before


def test_a_stopped_top_gives_the_terminal_back_and_takes_it_again(server: lens.FakeLens) -> None:
    """Ctrl+Z, and fg."""
    with Process(server.url, ["top"]) as shell:
        shown = shell.wait_for("?: keys")
        shell.type("\x1a")
        shown = shell.wait_for(LEFT, shown)
        os.waitid(os.P_PID, shell.process.pid, os.WSTOPPED)
        shell.signal(signal.SIGCONT)
        shell.wait_for("?: keys", shown)
        shell.type("q")
        assert shell.end() == 0
        assert shell.mode() == shell.before


def test_a_refusal_ends_it_with_one_line(server: lens.FakeLens) -> None:
    """After the screen is given back."""
    with Process(server.url, ["top"], environ={"LENS_TOKEN": "wrong"}) as shell:
        assert shell.end() == 1
        assert shell.shown.count("\n") == 1
        assert "doesn't accept the token" in shell.shown
        assert shell.mode() == shell.before


def test_without_a_terminal_it_says_what_to_do_instead(server: lens.FakeLens) -> None:
    """It draws nothing into a pipe."""
    ran = run(server.url, ["top"])
    assert (ran.status, ran.stdout) == (1, "")
    assert "needs a terminal" in ran.stderr
