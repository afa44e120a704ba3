"""A stream ends when its caller's rights become others: it shows no more, and no less, than may be seen."""

from pathlib import Path

import pytest

from tests.contract.conftest import NOW, Clock
from tests.contract.kubernetes import Cluster, node, pod
from tests.contract.listening import listen
from tests.contract.page.test_capacity import STREAM, fill
from tests.contract.peering import SERVICE, lens, peer, rights

EVERYTHING, CAPACITY, TEAM, BOTH = "", "capacity: true", "namespaces: [hush-team]", None
ALL_THREE = "&namespace=hush-team&include=status,nodes,tasks"
CHANGES = [
    ("", EVERYTHING, CAPACITY),
    ("&include=nodes", EVERYTHING, CAPACITY),
    ("&include=status", EVERYTHING, TEAM),
    (ALL_THREE, EVERYTHING, BOTH),
    (ALL_THREE, BOTH, TEAM),
    (ALL_THREE, BOTH, CAPACITY),
    ("", CAPACITY, TEAM),
    ("&include=nodes", CAPACITY, TEAM),
    ("&namespace=hush-team", TEAM, CAPACITY),
]


def tokens(limits: str | None) -> str:
    return rights("token", f"{TEAM}, {CAPACITY}" if limits is None else limits)


@pytest.mark.parametrize("through_hub", [False, True])
@pytest.mark.parametrize(("query", "before", "after"), CHANGES)
async def test_a_stream_ends_with_the_rights_that_it_was_opened_by(
    tmp_path: Path,
    cluster: Cluster,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    query: str,
    before: str | None,
    after: str | None,
    through_hub: bool,
) -> None:
    monkeypatch.setattr("lens.api.stream.streams.REAUTHORIZE_SECONDS", 0.1)
    fill(cluster)
    own = Cluster()
    own.add(node("h1", 2))
    own.publish(NOW)
    name = "hub" if through_hub else "lab"
    async with (
        lens("lab", tmp_path, cluster, clock, tokens=(tokens(before), rights(SERVICE))) as lab,
        lens(
            "hub", tmp_path, own, clock, peers=[peer("lab", lab.server.url)], tokens=(tokens(before),)
        ) as hub,
        listen(hub if through_hub else lab, query, token="token", path=STREAM) as stream,
    ):
        heard = [await stream.next()]
        file = tmp_path / f"{name}-tokens.yaml"
        file.write_text("tokens:\n" + tokens(after) + rights(SERVICE))
        clock.now += 2
        while heard[-1].name != "error":
            cluster.add(pod(f"hush-more-{len(heard)}", "n1", namespace="hush-team"))
            cluster.publish(NOW)
            heard.append(await stream.next())
        assert heard[-1].data["code"] == 4003
        with pytest.raises(EOFError):
            await stream.next()


async def test_more_rights_leave_a_stream_of_capacity_as_it_is(
    tmp_path: Path, cluster: Cluster, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lens.api.stream.streams.REAUTHORIZE_SECONDS", 0.1)
    fill(cluster)
    async with (
        lens("lab", tmp_path, cluster, clock, tokens=(tokens(CAPACITY),)) as lab,
        listen(lab, token="token", path=STREAM) as stream,
    ):
        await stream.next()
        (tmp_path / "lab-tokens.yaml").write_text("tokens:\n" + tokens(EVERYTHING))
        clock.now += 2
        for number in range(4):
            cluster.add(pod(f"hush-more-{number}", "n1", namespace="hush-team"))
            cluster.publish(NOW)
            change = await stream.next()
            assert change.name == "change"
            assert "hush" not in str(change.data)
