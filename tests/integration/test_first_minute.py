"""What is not known yet after a start is not told as nought, nor a part of it as the whole."""

import time
from pathlib import Path

import pytest

from tests.integration.operator import LENS, Command, environment, get, wait_for
from tests.required import program

TOKEN = "demo-token"
AGENTS = 3
SECONDS = 60.0


@pytest.mark.slow
def test_in_the_first_minute_no_answer_shows_nought_or_a_part_for_what_is_unknown(tmp_path: Path) -> None:
    program("cc")
    args = ["demo", "--port", "0", "--nodes", "3", "--agents", str(AGENTS), "--seed", "5"]
    with Command(args, tmp_path / "output", environment(), forked=True) as demo:
        lens = demo.wait_for_match(LENS)[1]
        began, known, wrong = time.monotonic(), False, []
        while time.monotonic() < began + SECONDS:
            status, answer = get(f"{lens}/api/v1/realtime/status?cluster=prod-cluster", TOKEN)
            assert status == 200
            telemetry = answer["data"]["telemetry"]
            if telemetry["utilization_rate"] is None and not known:
                unknown = {
                    "coverage": 0.0,
                    "utilized_gpus": None,
                    "utilization_rate": None,
                    "nodes": {"ok": 0, "stale": 0, "unknown": AGENTS},
                }
                wrong += [telemetry] if telemetry != unknown else []
            elif not known:
                known = True
                wrong += (
                    [telemetry] if telemetry["nodes"]["ok"] != AGENTS or telemetry["coverage"] < 1 else []
                )
                wait_for(lambda: get(f"{lens}/readyz")[0] == 200, "readiness")
            time.sleep(0.1)
        assert wrong == []
        assert known
        assert demo.end() == 0


def test_readiness_waits_for_the_agents(tmp_path: Path) -> None:
    """The demo's agents start after Lens, and take longer than its lists."""
    program("cc")
    args = ["demo", "--port", "0", "--nodes", "1", "--agents", "1"]
    with Command(args, tmp_path / "output", environment(), forked=True) as demo:
        lens = demo.wait_for_match(LENS)[1]
        status, answer = get(f"{lens}/readyz")
        assert status == 503
        assert answer["meta"]["message"] == "Not ready: not all agents or exporters have been read yet"
        wait_for(lambda: get(f"{lens}/readyz")[0] == 200, "readiness")
        _, answer = get(f"{lens}/api/v1/realtime/status?cluster=prod-cluster", TOKEN)
        assert answer["data"]["telemetry"]["nodes"] == {"ok": 1, "stale": 0, "unknown": 0}
