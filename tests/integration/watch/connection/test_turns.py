"""Of several lists that are read at once the pages of pods are applied first, and others meanwhile."""

import asyncio
import logging
from collections.abc import Generator

import pytest

from lens.kube.watch import turns
from lens.kube.watch.turns import LONGEST_SECONDS, Turns
from tests.integration.watch.front import Exchange
from tests.integration.watch.scene import Scene


class Lists:
    """Pages of lists, and the order in which they are applied."""

    def __init__(self) -> None:
        self.turns = Turns()
        self.applied: list[str] = []
        self.on_apply: asyncio.Event | None = None

    async def apply_other(self, name: str, steps: int = 1) -> None:
        """Apply a page of another list than that of pods."""
        await self.turns.apply(self._steps(name, steps))

    def _steps(self, name: str, steps: int) -> Generator[None, None, None]:
        for step in range(steps):
            if step:
                yield
            self.applied.append(name)
            if self.on_apply is not None:
                self.on_apply.set()

    async def receive_pods(self, rounds: int) -> None:
        """Receive a page of pods in so many rounds of the loop, and apply it."""
        with self.turns.first():
            for _ in range(rounds):
                await asyncio.sleep(0)
        self.applied.append("pods")


async def test_others_are_applied_one_after_another_while_no_page_of_pods_arrives() -> None:
    lists = Lists()
    await asyncio.gather(*map(lists.apply_other, ("nodes", "claims", "slices")))
    assert lists.applied == ["nodes", "claims", "slices"]


async def test_others_wait_for_a_page_of_pods_that_has_begun_to_arrive() -> None:
    lists = Lists()
    await asyncio.gather(
        lists.receive_pods(rounds=50), lists.apply_other("nodes"), lists.apply_other("claims")
    )
    assert lists.applied == ["pods", "nodes", "claims"]


async def test_a_page_of_pods_that_comes_while_another_is_applied_is_the_next_one() -> None:
    lists = Lists()
    lists.on_apply = asyncio.Event()

    async def pods() -> None:
        # What came meanwhile, the loop notices in its next round, and its reader in the one after.
        assert lists.on_apply is not None
        await lists.on_apply.wait()
        await asyncio.sleep(0)
        await lists.receive_pods(rounds=50)

    await asyncio.gather(pods(), lists.apply_other("nodes"), lists.apply_other("claims"))
    assert lists.applied == ["nodes", "pods", "claims"]


async def test_a_page_of_pods_that_comes_between_two_steps_of_another_is_applied_first() -> None:
    lists = Lists()
    lists.on_apply = asyncio.Event()

    async def pods() -> None:
        assert lists.on_apply is not None
        await lists.on_apply.wait()
        await lists.receive_pods(rounds=50)

    await asyncio.gather(pods(), lists.apply_other("nodes", steps=9), lists.apply_other("claims"))
    at = lists.applied.index("pods")
    assert 1 <= at < 9
    assert lists.applied == ["nodes"] * at + ["pods"] + ["nodes"] * (9 - at) + ["claims"]


async def test_a_page_of_pods_that_stops_arriving_holds_nobody_up_for_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lists = Lists()
    loop = asyncio.get_running_loop()
    with lists.turns.first():
        began = loop.time()
        await asyncio.wait_for(lists.apply_other("nodes"), 30)
        assert loop.time() - began >= 0.9 * LONGEST_SECONDS
        # Neither do the next steps wait for it again.
        monkeypatch.setattr(turns, "LONGEST_SECONDS", 600.0)
        await asyncio.wait_for(lists.apply_other("claims", steps=9), 30)
    assert lists.applied == ["nodes"] + ["claims"] * 9


@pytest.mark.parametrize("rounds", [1, 3, 20])
async def test_who_gives_up_waiting_leaves_the_turn_to_others(rounds: int) -> None:
    lists = Lists()
    arriving = asyncio.create_task(lists.receive_pods(rounds=50))
    waiting = [asyncio.create_task(lists.apply_other(name)) for name in ("nodes", "claims", "slices")]
    for _ in range(rounds):
        await asyncio.sleep(0)
    waiting[0].cancel()
    await asyncio.gather(arriving, *waiting, return_exceptions=True)
    assert lists.applied == ["pods", "claims", "slices"]


async def test_nodes_that_are_here_wait_for_pods_that_are_arriving(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(turns, "LONGEST_SECONDS", 30.0)
    caplog.set_level(logging.INFO, "lens.kube.watch.reflector")
    begun, nodes_sent = asyncio.Event(), asyncio.Event()

    async def pods(exchange: Exchange) -> None:
        head, body = await exchange.answer_of_upstream()
        await exchange.send(head + body[:100])
        begun.set()
        await nodes_sent.wait()
        # Without turns they would be applied in this time.
        await asyncio.sleep(0.1)
        await exchange.send(body[100:])

    async def nodes(exchange: Exchange) -> None:
        head, body = await exchange.answer_of_upstream()
        await begun.wait()
        await exchange.send(head + body)
        nodes_sent.set()

    scene.front.script("list pods", pods)
    scene.front.script("list nodes", nodes)
    scene.watch()
    await scene.until_exact()
    listed = [record.__dict__["resource"] for record in caplog.records if record.message == "listed"]
    assert listed.index("pods") < listed.index("nodes")
