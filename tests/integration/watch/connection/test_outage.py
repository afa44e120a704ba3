"""An outage of the apiserver is a line for each cause and one for its end; the state has the cause."""

import logging

import pytest

from lens.kube.watch.outage import MAX_CAUSES, Outage
from lens.kube.watch.resources import fit_resources
from tests.integration.watch import faults
from tests.integration.watch.objects import pod
from tests.integration.watch.scene import Scene

LOGGER = "lens.kube.watch.outage"


def lines(caplog: pytest.LogCaptureFixture) -> list[tuple[int, str]]:
    """Return the level and the cause of each line on outages; an end has no cause."""
    return [
        (record.levelno, getattr(record, "error", "")) for record in caplog.records if record.name == LOGGER
    ]


async def test_a_wrong_token_is_called_by_its_name(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    scene.sim.token = "another"
    scene.watch()
    await scene.until(lambda: scene.state.current.outage is not None, "an outage")
    await scene.until(lambda: scene.metric("lens_kube_requests_total", outcome="401") > 5, "further attempts")
    cause = "HTTP 401: the apiserver rejects Lens's credentials"
    assert scene.state.current.outage == cause
    scene.sim.token = "first-token"
    await scene.until_exact()
    await scene.until(lambda: scene.state.current.outage is None, "the outage's end")
    assert lines(caplog) == [(logging.ERROR, cause), (logging.WARNING, "")]


async def test_a_missing_right_names_its_resource(scene: Scene) -> None:
    scene.front.always("list nodes", faults.status(403))
    scene.watch()
    await scene.until(lambda: scene.state.current.outage is not None, "an outage")
    cause = "HTTP 403 to GET /api/v1/nodes: Lens's credentials lack the right to get, list or watch it"
    assert scene.state.current.outage == cause
    scene.front.always("list nodes", None)
    await scene.until_exact()
    await scene.until(lambda: scene.state.current.outage is None, "the outage's end")


async def test_an_apiserver_that_goes_and_comes_back_is_a_few_lines(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    scene.watch()
    await scene.until_exact()
    await scene.front.stop()
    await scene.until(
        lambda: (scene.state.current.outage or "").endswith(": Connection refused"), "refused connections"
    )
    scene.put_pod(pod("meanwhile", on="node-0", gpus=1))
    await scene.front.start()
    await scene.until_exact()
    await scene.until(lambda: scene.state.current.outage is None, "the outage's end")
    *begun, end = lines(caplog)
    # Some requests may find the connection broken off, before or after they are sent, and others none.
    assert 1 <= len(begun) <= 3
    assert {level for level, _ in begun} == {logging.ERROR}
    assert end == (logging.WARNING, "")


async def test_a_probe_that_is_refused_is_no_outage(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    for kind in ("watch pods", "watch nodes", *(each.path for each in fit_resources.ALL)):
        scene.front.always(kind, faults.endless_silence)
    scene.front.always("/version", faults.status(503))
    scene.watch()
    await scene.until_exact()
    await scene.until(lambda: scene.front.seen("/version") > 1, "probes")
    assert scene.state.current.outage is None
    assert lines(caplog) == []


def test_causes_without_end_are_logged_a_few_times(caplog: pytest.LogCaptureFixture) -> None:
    outage = Outage(lambda: 0.0, lambda _: None)
    for number in range(1000):
        outage.failed("/api", f"cause {number}")
    assert len(lines(caplog)) == MAX_CAUSES
