"""What `make chaos` holds against what agents said: each wrong sample that it is there to find is found."""

from dataclasses import replace

import pytest

from tests.chaos.agents import Agent, Said
from tests.chaos.telemetry import MAX_AGE_S, Shown, wrong_samples

NOW = 1_796_000_000
AGENT = Agent(3, "node-3", gpus=2)


def gpu(agent: int = 3, second: int = NOW, index: int = 0) -> tuple[int, float, int]:
    said = Said(agent, second, index)
    return index, said.utilization_percent, said.memory_used_bytes


RIGHT = Shown(0, sent=NOW + 1.5, node="node-3", state="ok", gpus=(gpu(), gpu(index=1)))


def wrong(**changed: object) -> list[str]:
    return list(wrong_samples([replace(RIGHT, **changed)], [AGENT]))  # type: ignore[arg-type]


def test_what_an_agent_says_tells_its_node_second_and_gpu() -> None:
    for said in (Said(0, NOW, 0), Said(7, NOW + 2**26, 63), Said(3, 2**27 * 13 - 1, 8)):
        assert [Said.of(said.memory_used_bytes, said.second + age) for age in (-60, 0, 3, 10**8)] == [
            said
        ] * 4
        assert 0 <= said.utilization_percent <= 100
        assert said.memory_used_bytes < 85_520_809_984


def test_an_agents_report_says_that() -> None:
    agent = Agent(3, "node-3", gpus=2, held=NOW)
    first, second = agent.says()["gpus"]
    assert gpu() == (0, first["utilization_percent"], first["memory_used_bytes"])
    assert gpu(index=1) == (1, second["utilization_percent"], second["memory_used_bytes"])


def test_what_the_agent_said_is_right_and_so_is_nothing() -> None:
    assert wrong() == []
    assert wrong(gpus=((0, None, None), (1, None, None)), state="unknown") == []


@pytest.mark.parametrize("state", ["ok", "stale"])
def test_a_sample_is_as_old_as_its_state_says(state: str) -> None:
    oldest = NOW + MAX_AGE_S[state]
    assert wrong(state=state, sent=oldest) == []
    assert len(wrong(state=state, sent=oldest + 0.1)) == 2


def test_of_an_unknown_node_nothing_is_shown() -> None:
    assert len(wrong(state="unknown")) == 2


def test_another_agents_sample_is_found() -> None:
    assert len(wrong(gpus=(gpu(agent=2), gpu(index=1)))) == 1
    assert len(wrong(gpus=((0, *gpu(index=1)[1:]), gpu(index=1)))) == 1


def test_a_sample_that_was_taken_while_lens_was_asked_is_right() -> None:
    assert wrong(gpus=(gpu(second=NOW + 9), gpu(index=1))) == []


def test_a_value_that_nobody_said_is_found() -> None:
    assert len(wrong(gpus=((0, 99.9, gpu()[2]), gpu(index=1)))) == 1
    assert wrong(gpus=((0, None, gpu()[2]),)) == [
        f"replica 0, asked at {RIGHT.sent:.2f}: node-3, ok: GPU 0 has None % and {gpu()[2]} bytes"
    ]
