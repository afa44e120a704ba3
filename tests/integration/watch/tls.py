"""Certificates, made by openssl: authorities, servers for 127.0.0.1, and clients."""

import asyncio
import ssl
from pathlib import Path
from typing import NamedTuple

from tests.required import program

_CONFIG = "[req]\ndistinguished_name=name\n[name]\n"


class Pair(NamedTuple):
    """A certificate and its key, as PEM files."""

    certificate: Path
    key: Path


async def authority(folder: Path, name: str, *, key_ids: bool = True) -> Pair:
    """Make a certificate authority. Without ``key_ids`` it has no other extensions than it needs."""
    extensions: tuple[str, ...] = ("basicConstraints=critical,CA:TRUE",)
    if key_ids:
        extensions += ("keyUsage=critical,keyCertSign",)
    return await _made(folder, name, extensions, key_ids=key_ids)


async def certificate(folder: Path, name: str, by: Pair, *, key_ids: bool = True) -> Pair:
    """Make a certificate for 127.0.0.1, good for servers and clients, signed by an authority."""
    extensions = ("basicConstraints=critical,CA:FALSE", "subjectAltName=IP:127.0.0.1")
    signed = ("-CA", str(by.certificate), "-CAkey", str(by.key))
    return await _made(folder, name, extensions, *signed, key_ids=key_ids)


async def server(
    folder: Path, name: str, by: Pair, clients_by: Pair | None = None, *, key_ids: bool = True
) -> ssl.SSLContext:
    """Make the context of a server, which asks for client certificates if it is to know their authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*await certificate(folder, name, by, key_ids=key_ids))
    if clients_by is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(clients_by.certificate)
    return context


async def expired(folder: Path, name: str, by: Pair) -> ssl.SSLContext:
    """Make the context of a server whose certificate for 127.0.0.1 ran out yesterday."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*await run_out(folder, name, by))
    return context


async def run_out(folder: Path, name: str, by: Pair) -> Pair:
    """Make a certificate for 127.0.0.1 that ran out yesterday."""
    pair, request, extensions = (
        Pair(folder / f"{name}.crt", folder / f"{name}.key"),
        folder / "csr",
        folder / "x",
    )
    config = folder / "openssl.cnf"
    config.write_text(_CONFIG)
    extensions.write_text("subjectAltName=IP:127.0.0.1\n")
    await _run(
        *("req", "-new", "-config", str(config), "-subj", f"/CN={name}", "-newkey", "ec"),
        *(
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-out",
            str(request),
            "-keyout",
            str(pair.key),
        ),
    )
    await _run(
        *("x509", "-req", "-in", str(request), "-CA", str(by.certificate), "-CAkey", str(by.key)),
        *("-days", "-1", "-extfile", str(extensions), "-out", str(pair.certificate)),
    )
    return pair


async def _made(folder: Path, name: str, extensions: tuple[str, ...], *by: str, key_ids: bool = True) -> Pair:
    pair = Pair(folder / f"{name}.crt", folder / f"{name}.key")
    config = folder / "openssl.cnf"
    config.write_text(_CONFIG)
    command = ["req", "-x509", "-config", str(config), "-subj", f"/CN={name}", "-days", "2", *by]
    command += ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-out", str(pair.certificate), "-keyout", str(pair.key)]
    subject, issuer = ("hash", "keyid") if key_ids else ("none", "none")
    for extension in (*extensions, f"subjectKeyIdentifier={subject}", f"authorityKeyIdentifier={issuer}"):
        command += ["-addext", extension]
    await _run(*command)
    return pair


async def _run(*arguments: str) -> None:
    process = await asyncio.create_subprocess_exec(
        program("openssl"), *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
