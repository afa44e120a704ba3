"""Names are looked up beside everything else: a resolver that is silent holds up nothing and nobody."""

import asyncio
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from lens.resolver import MAX_LOOKUPS, Resolver

ADDRESS = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.7", 443))]
FOUND = ["192.0.2.7"]


class Names:
    """What getaddrinfo does, one lookup after the other; a lookup of `silent` lasts until `back` is set."""

    def __init__(self, *outcomes: str) -> None:
        self.asked = self.at_once = self.most_at_once = 0
        self.back, self.full = threading.Event(), threading.Event()
        self._outcomes = outcomes
        self._lock = threading.Lock()

    def getaddrinfo(self, *_question: object, **_flags: object) -> list[tuple[Any, ...]]:
        with self._lock:
            self.asked += 1
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
            outcome = self._outcomes[min(self.asked, len(self._outcomes)) - 1]
            if self.at_once == MAX_LOOKUPS:
                self.full.set()
        if outcome == "silent":
            self.back.wait(60)
            outcome = "failed"
        with self._lock:
            self.at_once -= 1
        if outcome == "failed":
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return ADDRESS


MakeNames = Callable[..., Names]


@pytest.fixture
def names() -> Iterator[MakeNames]:
    """Return what makes names, whose lookups all end with the test."""
    made: list[Names] = []

    def make(*outcomes: str) -> Names:
        made.append(Names(*outcomes))
        return made[-1]

    yield make
    for each in made:
        each.back.set()


async def hosts(resolver: Resolver, name: str = "kubernetes.default.svc") -> list[str]:
    return [each["host"] for each in await resolver.resolve(name, 443)]


async def test_a_name_has_its_addresses() -> None:
    (found,) = await Resolver().resolve("localhost", 443)
    assert (found["hostname"], found["host"], found["port"]) == ("localhost", "127.0.0.1", 443)


async def test_a_name_that_there_is_not_fails_at_once(names: MakeNames) -> None:
    failing = names("failed")
    with pytest.raises(socket.gaierror):
        await hosts(Resolver(failing.getaddrinfo))
    assert failing.asked == 1


async def test_a_name_that_can_be_none_fails() -> None:
    with pytest.raises(OSError, match="label"):
        await hosts(Resolver(), "x" * 70 + ".example")


async def test_a_resolver_that_is_back_is_asked_anew(names: MakeNames) -> None:
    back = names("silent", "found")
    assert await hosts(Resolver(back.getaddrinfo, again_seconds=0.05)) == FOUND
    assert back.asked == 2


async def test_one_lookup_that_fails_ends_no_other(names: MakeNames) -> None:
    mixed = names("silent", "failed", "found")
    assert await hosts(Resolver(mixed.getaddrinfo, again_seconds=0.05)) == FOUND


async def test_a_silent_resolver_takes_few_threads_and_none_of_asyncios(names: MakeNames) -> None:
    silent = names("silent")
    resolver = Resolver(silent.getaddrinfo, again_seconds=0.001)
    waiting = [asyncio.create_task(hosts(resolver)) for _ in range(MAX_LOOKUPS)]
    # This thread is one of asyncio's, and there is one to be had.
    assert await asyncio.to_thread(silent.full.wait, 30)
    # There is no room for another name.
    with pytest.raises(OSError, match="too many"):
        await hosts(resolver)
    silent.back.set()
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert all(isinstance(each, OSError) for each in outcomes)
    assert silent.most_at_once == MAX_LOOKUPS


@pytest.mark.parametrize("cancel", [True, False])
def test_a_process_ends_while_a_name_is_being_looked_up(cancel: bool) -> None:
    program = f"""
import asyncio, time
from lens.resolver import Resolver

async def main():
    looking = asyncio.create_task(Resolver(lambda *_, **__: time.sleep(60)).resolve("name"))
    await asyncio.sleep(0.05)
    if {cancel}:
        looking.cancel()

asyncio.run(main())
"""
    began = time.monotonic()
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, timeout=50, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert time.monotonic() - began < 50
