"""However many are connected, whoever comes with a request is answered."""

import asyncio
import ssl
from collections import Counter
from pathlib import Path

from aiohttp import web

from lens.files.server_certificate import ServerCertificate
from tests.integration.http.conftest import DEADLINE_S, GET, SMALL, Serve, ends, until
from tests.integration.watch import tls


async def test_idle_connections_make_room_the_oldest_first(serve: Serve) -> None:
    served = await serve()
    idle = [await served.connect() for _ in range(SMALL.per_address)]
    await until(lambda: served.site.connections == SMALL.per_address)
    assert (await served.get()).endswith(b"ok")
    assert await ends(idle[0][0])
    assert served.refusals["address"] == 1
    for _, writer in idle:
        writer.close()


async def test_one_address_does_not_take_the_places_of_all(serve: Serve) -> None:
    served = await serve()
    others = [await served.connect(local_addr=(f"127.0.0.{n}", 0)) for n in range(2, 5)]
    flood = [await served.connect() for _ in range(5 * SMALL.connections)]
    await until(lambda: served.refusals["address"] == 5 * SMALL.connections - SMALL.per_address)
    for reader, writer in others:
        writer.write(GET + b"Connection: close\r\n\r\n")
        assert (await asyncio.wait_for(reader.read(), DEADLINE_S)).endswith(b"ok")
        writer.close()
    for _, writer in flood:
        writer.close()


async def test_many_addresses_together_leave_room_for_a_new_one(serve: Serve) -> None:
    served = await serve()
    flood = [await served.connect(local_addr=(f"127.0.1.{n}", 0)) for n in range(1, 60)]
    assert (await served.get()).endswith(b"ok")
    assert served.refusals["connections"] >= 59 - SMALL.connections
    assert served.site.connections <= SMALL.connections
    for _, writer in flood:
        writer.close()


async def test_two_floods_displace_each_other_and_nobody_else(serve: Serve) -> None:
    served = await serve()
    others = [await served.connect(local_addr=(f"127.0.0.{n}", 0)) for n in range(2, 5)]
    flood = [
        await served.connect(local_addr=(f"127.0.1.{n % 2 + 1}", 0)) for n in range(5 * SMALL.connections)
    ]
    await until(lambda: served.refusals["connections"] > 3 * SMALL.connections)
    for reader, writer in others:
        writer.write(GET + b"Connection: close\r\n\r\n")
        assert (await asyncio.wait_for(reader.read(), DEADLINE_S)).endswith(b"ok")
        writer.close()
    for _, writer in flood:
        writer.close()


async def test_who_is_being_answered_is_not_cut_for_one_more(serve: Serve) -> None:
    served = await serve()
    free, asked = asyncio.Event(), 0

    async def wait(_: web.BaseRequest) -> web.StreamResponse:
        nonlocal asked
        asked += 1
        await free.wait()
        return web.Response(text="late")

    served.application.answer = wait
    waiting = [asyncio.create_task(served.get()) for _ in range(SMALL.per_address)]
    await until(lambda: asked == SMALL.per_address)
    reader, writer = await served.connect()
    assert await ends(reader)
    assert served.refusals["full"] == 1
    writer.close()
    free.set()
    assert all(answer.endswith(b"late") for answer in await asyncio.gather(*waiting))


async def test_handshakes_that_never_end_make_room_too(serve: Serve, tmp_path: Path) -> None:
    pair = await tls.certificate(tmp_path, "localhost", by=await tls.authority(tmp_path, "ca"))
    served = await serve(certificate=ServerCertificate("x", pair.certificate, pair.key))
    most = SMALL.over_tls().per_address
    silent = [await served.connect() for _ in range(most)]
    for _, writer in silent[::2]:
        writer.write(b"\x16\x03\x01\x02\x00")
    await until(lambda: served.site.connections == most)
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    for _ in range(most + 2):
        assert (await served.get(ssl=context)).endswith(b"ok")
    for _, writer in silent:
        writer.close()


async def test_who_leaves_is_waited_for_no_more(serve: Serve) -> None:
    served = await serve()
    ended = asyncio.Event()

    async def wait(_: web.BaseRequest) -> web.StreamResponse:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return web.Response()

    served.application.answer = wait
    _, writer = await served.connect()
    writer.write(GET + b"\r\n")
    await until(lambda: served.site.connections == 1)
    writer.close()
    await asyncio.wait_for(ended.wait(), DEADLINE_S)
    await until(lambda: served.site.connections == 0)


async def test_a_defect_in_what_is_done_each_second_does_not_end_it(serve: Serve, tmp_path: Path) -> None:
    pair = await tls.certificate(tmp_path, "localhost", by=await tls.authority(tmp_path, "ca"))
    failures: Counter[str] = Counter()

    def refused() -> None:
        raise ZeroDivisionError

    certificate = ServerCertificate("x", pair.certificate, pair.key, on_refused=refused)
    await serve(certificate=certificate, count_failures=lambda job, count: failures.update({job: count}))
    for number in range(2):
        # Each broken certificate brings out the defect, so the second shows that they are still looked at.
        pair.certificate.write_text("broken" * (number + 1))
        await until(lambda number=number: failures["connections"] > number)  # type: ignore[misc]
