"""Requests that schemathesis makes up from the schema, against a Lens with a filled cluster.

``python -m tests.programs.schemathesis.generated --max-examples 5000`` runs as many as one likes; all
arguments are those of ``schemathesis run``.
"""

import asyncio
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from lens.api.server import Server
from lens.config.serve import ServeSettings
from lens.metrics import Metrics
from tests.contract.conftest import NOW, TOKEN, write_tokens
from tests.contract.filled import fill
from tests.contract.kubernetes import Cluster

SETTINGS = Path(__file__).with_name("schemathesis.toml")


async def run(folder: Path, *arguments: str, output: int | None = None) -> tuple[int, str]:
    """Run schemathesis in ``folder``; return its exit status, and what it said if it was to be piped."""
    cluster, tokens_file = Cluster(), folder / "tokens.yaml"
    fill(cluster)
    write_tokens(tokens_file, schemathesis=TOKEN)
    settings = ServeSettings.model_validate(
        {
            "cluster": "prod-cluster",
            "listen": "127.0.0.1:0",
            "tokens_file": tokens_file,
            "requests_per_minute": 1_000_000,
            "requests_burst": 1_000_000,
        }
    )
    server = Server(settings, cluster.state, Metrics(), lambda: NOW)
    await server.start()
    try:
        program = str(Path(sys.executable).with_name("schemathesis"))
        command = (program, "--config-file", str(SETTINGS), "run", f"{server.url}/openapi.json")
        header = ("--header", f"Authorization: Bearer {TOKEN}")
        process = await asyncio.create_subprocess_exec(
            *command, *header, *arguments, cwd=folder, stdout=output, stderr=asyncio.subprocess.STDOUT
        )
        said, _ = await process.communicate()
        assert process.returncode is not None
        return process.returncode, (said or b"").decode()
    finally:
        await server.stop()


def main() -> None:
    """Run as many cases as the command line says."""
    with TemporaryDirectory() as folder:
        status, _ = asyncio.run(run(Path(folder), *sys.argv[1:]))
    sys.exit(status)


if __name__ == "__main__":
    main()
