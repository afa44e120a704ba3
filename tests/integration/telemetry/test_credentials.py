"""The token goes to agents alone, is followed as it rotates, and is shown to nobody who is not trusted."""

from pathlib import Path

from lens.files.credentials import BearerToken, TrustedCa
from tests.integration.telemetry import server
from tests.integration.telemetry.scene import Scene, target
from tests.integration.watch import tls

REDIRECTS = ("301 Moved Permanently", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect")


def write(path: Path, text: str) -> Path:
    """Replace a file, as the kubelet does."""
    new = path.with_suffix(".new")
    new.write_text(text)
    return new.replace(path)


async def test_a_token_that_rotates_is_followed(scene: Scene, tmp_path: Path) -> None:
    scene.token = BearerToken(write(tmp_path / "token", "first"))
    agent = await scene.serve("node-1", server.guarded("first", server.agent("node-1")))
    await scene.start()
    await scene.until(lambda: scene.node().state == "ok", "the first token")
    # The agent is first to have the new one.
    agent.behaviour = server.guarded("second", server.agent("node-1", 30.0))
    await scene.until(lambda: scene.node().problem == "wrong token (HTTP 401)", "refused")
    write(tmp_path / "token", "second")
    await scene.until(lambda: scene.telemetry.utilization_percent == 30.0, "the second token")
    assert scene.node().problem is None


async def test_a_redirect_gets_neither_the_token_nor_a_visit(scene: Scene, tmp_path: Path) -> None:
    scene.token = BearerToken(write(tmp_path / "token", "secret"))
    async with server.FakeServer(server.agent("node-1")) as elsewhere:
        nodes = {f"node-{number}": status for number, status in enumerate(REDIRECTS)}
        for node, status in nodes.items():
            await scene.serve(node, server.sends(b"", status, Location=elsewhere.url()))
        await scene.start()
        await scene.until(lambda: scene.refusals("redirect") >= 2 * len(nodes), "all refused twice")
        await scene.until(
            lambda: all("redirect" in (scene.node(node).problem or "") for node in nodes), "named"
        )
        assert elsewhere.connections == 0
        assert scene.telemetry.sums.reporting == 0


async def test_an_exporter_is_not_sent_the_token(scene: Scene, tmp_path: Path) -> None:
    scene.token = BearerToken(write(tmp_path / "token", "secret"))
    exporters = [
        await scene.serve("node-1", server.sends(b"# nothing\n"), "dcgm"),
        await scene.serve("node-2", server.sends(b"# nothing\n"), "amd"),
    ]
    await scene.start()
    await scene.until(lambda: all(exporter.requests for exporter in exporters), "requests")
    for exporter in exporters:
        assert "authorization" not in exporter.requests[0].headers


async def test_an_authority_vouches_for_agents_and_is_followed_as_it_rotates(
    scene: Scene, tmp_path: Path
) -> None:
    first = await tls.authority(tmp_path, "first-ca")
    second = await tls.authority(tmp_path, "second-ca")
    ca = write(tmp_path / "ca.crt", first.certificate.read_text())
    scene.token = BearerToken(write(tmp_path / "token", "secret"))
    scene.trust = TrustedCa(ca)
    context = await tls.server(tmp_path, "agent", first)
    async with server.FakeServer(server.agent("node-1", 80.0), context) as agent:
        scene.targets["node-1"] = target("node-1", agent)
        await scene.start()
        await scene.until(lambda: scene.telemetry.utilization_percent == 80.0, "the first authority's agent")
        stranger = await tls.server(tmp_path, "stranger", second)
        async with server.FakeServer(server.agent("node-1", 30.0), stranger) as other:
            scene.targets["node-1"] = target("node-1", other, uid="uid-2")
            scene.ask()
            await scene.until(lambda: "certificate" in (scene.node().problem or ""), "not trusted")
            assert scene.refusals("unreachable") >= 1
            assert other.requests == []
            write(ca, second.certificate.read_text())
            await scene.until(lambda: scene.telemetry.utilization_percent == 30.0, "the second authority's")


async def test_an_agent_is_known_by_the_one_name_that_all_certificates_have(
    scene: Scene, tmp_path: Path
) -> None:
    authority = await tls.authority(tmp_path, "ca")
    # The certificate is made out to 127.0.0.1, and agents are to be called something else.
    scene.trust = TrustedCa(authority.certificate, server_name="lens-agent")
    context = await tls.server(tmp_path, "agent", authority)
    async with server.FakeServer(server.agent("node-1"), context) as agent:
        scene.targets["node-1"] = target("node-1", agent)
        await scene.start()
        await scene.until(lambda: scene.refusals("unreachable") >= 1, "not the right name")
        await scene.until(lambda: "lens-agent" in (scene.node().problem or ""), "named")
        assert agent.requests == []
