"""HTTPS with a certificate from files."""

import asyncio
import ssl
import time
from pathlib import Path

import pytest

from lens.api.server import Server
from lens.config.errors import SettingsError
from lens.config.serve import ServeSettings
from lens.files.certificates import Validity
from lens.files.server_certificate import ServerCertificate
from lens.metrics import Metrics
from lens.model.cluster_state import ClusterState
from tests.contract.conftest import Api, Serve
from tests.integration.watch import tls

DEADLINE_S = 20.0


@pytest.fixture
async def ca(tmp_path: Path) -> tls.Pair:
    return await tls.authority(tmp_path, "ca")


@pytest.fixture
async def served(tmp_path: Path, ca: tls.Pair) -> tls.Pair:
    """Return the files of the server's settings."""
    first = await tls.certificate(tmp_path, "first", by=ca)
    files = tls.Pair(tmp_path / "tls.crt", tmp_path / "tls.key")
    install(first, files)
    return files


def install(pair: tls.Pair, files: tls.Pair) -> None:
    """Replace a certificate's files, the key's first, as a rotation does that is not careful."""
    for source, target in ((pair.key, files.key), (pair.certificate, files.certificate)):
        new = target.with_suffix(".new")
        new.write_bytes(source.read_bytes())
        new.replace(target)


@pytest.fixture
async def secure(serve: Serve, served: tls.Pair) -> Api:
    return await serve(tls_cert_file=served.certificate, tls_key_file=served.key)


async def handshake(api: Api, ca: tls.Pair, **limits: ssl.TLSVersion) -> tuple[str, str]:
    """Return the name in the certificate and the version of TLS; raise ssl.SSLError."""
    context = ssl.create_default_context(cafile=ca.certificate)
    for limit, version in limits.items():
        setattr(context, limit, version)
    _, writer = await asyncio.open_connection("127.0.0.1", api.server.port, ssl=context)
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    tunnel = writer.get_extra_info("ssl_object")
    (((_, name),),) = tunnel.getpeercert()["subject"]
    writer.close()
    return name, tunnel.version()


async def until_served(api: Api, ca: tls.Pair, name: str) -> None:
    """Shake hands until the certificate has that name."""
    deadline = asyncio.get_running_loop().time() + DEADLINE_S
    while (await handshake(api, ca))[0] != name:
        assert asyncio.get_running_loop().time() < deadline


def spoil(file: Path, content: bytes | None, others: Path) -> None:
    if content is None:
        file.unlink()
    else:
        file.write_bytes(others.read_bytes() if content == b"another's" else content)


async def test_it_answers_over_tls_and_to_nothing_else(secure: Api, ca: tls.Pair) -> None:
    assert secure.server.url.startswith("https://127.0.0.1:")
    assert await handshake(secure, ca) == ("first", "TLSv1.3")
    reader, writer = await asyncio.open_connection("127.0.0.1", secure.server.port)
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    async with asyncio.timeout(DEADLINE_S):
        assert b"HTTP" not in await reader.read()
    writer.close()


async def test_old_versions_of_tls_are_refused(secure: Api, ca: tls.Pair) -> None:
    assert (await handshake(secure, ca, maximum_version=ssl.TLSVersion.TLSv1_2))[1] == "TLSv1.2"
    with (
        pytest.warns(DeprecationWarning, match="TLSv1"),
        pytest.raises((ssl.SSLError, ConnectionError)),
    ):
        await handshake(
            secure, ca, minimum_version=ssl.TLSVersion.TLSv1, maximum_version=ssl.TLSVersion.TLSv1_1
        )


async def test_a_rotated_certificate_is_served_to_new_connections(
    secure: Api, ca: tls.Pair, served: tls.Pair, tmp_path: Path
) -> None:
    install(await tls.certificate(tmp_path, "second", by=ca), served)
    await until_served(secure, ca, "second")


@pytest.mark.parametrize("broken", ["certificate", "key"])
async def test_a_rotation_that_is_broken_or_half_done_leaves_the_certificate_that_was(
    secure: Api, ca: tls.Pair, served: tls.Pair, tmp_path: Path, caplog: pytest.LogCaptureFixture, broken: str
) -> None:
    second = await tls.certificate(tmp_path, "second", by=ca)
    half = tls.Pair(**{"certificate": second.certificate, "key": second.key, broken: ca.certificate})
    install(half, served)
    deadline = asyncio.get_running_loop().time() + DEADLINE_S
    while "certificate is broken" not in caplog.text:
        assert await handshake(secure, ca) == ("first", "TLSv1.3")
        assert asyncio.get_running_loop().time() < deadline
    assert await handshake(secure, ca) == ("first", "TLSv1.3")
    install(second, served)
    await until_served(secure, ca, "second")


async def test_a_certificate_that_has_run_out_does_not_replace_a_good_one(
    secure: Api, ca: tls.Pair, served: tls.Pair, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    install(await tls.run_out(tmp_path, "old", by=ca), served)
    deadline = asyncio.get_running_loop().time() + DEADLINE_S
    while "certificate is not valid now, keeping the one before: valid from 20" not in caplog.text:
        assert await handshake(secure, ca) == ("first", "TLSv1.3")
        assert asyncio.get_running_loop().time() < deadline
    assert await handshake(secure, ca) == ("first", "TLSv1.3")
    install(await tls.certificate(tmp_path, "second", by=ca), served)
    await until_served(secure, ca, "second")


async def test_a_certificate_that_has_run_out_is_served_where_there_is_no_other_and_said_so(
    ca: tls.Pair, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ServerCertificate("x", *await tls.run_out(tmp_path, "old", by=ca))
    assert "certificate is not valid now, and there is no other: valid from 20" in caplog.text


async def test_a_certificates_validity_is_openssls(ca: tls.Pair, tmp_path: Path) -> None:
    pair = await tls.certificate(tmp_path, "first", by=ca)
    validity = Validity.read(pair.certificate.read_text())
    assert validity.ends - validity.begins == 2 * 86400
    assert validity.has(time.time())
    assert not validity.has(validity.ends + 1)
    assert not validity.has(validity.begins - 1)


@pytest.mark.parametrize("broken", ["certificate", "key"])
@pytest.mark.parametrize("text", [None, "nonsense", "another's"])
async def test_an_unusable_certificate_is_one_line_at_start(
    served: tls.Pair, ca: tls.Pair, broken: str, text: str | None
) -> None:
    spoil(getattr(served, broken), None if text is None else text.encode(), getattr(ca, broken))
    settings = ServeSettings(
        cluster="c",
        auth="none",
        listen="127.0.0.1:0",  # type: ignore[arg-type]
        tls_cert_file=served.certificate,
        tls_key_file=served.key,
    )
    with pytest.raises(SettingsError, match=r"^LENS_TLS_CERT_FILE, LENS_TLS_KEY_FILE: ") as raised:
        Server(settings, ClusterState(), Metrics())
    assert "\n" not in str(raised.value)
