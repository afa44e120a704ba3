"""Whatever the schema allows is answered as it says, and whatever it doesn't is refused."""

import asyncio
import re
from pathlib import Path

from tests.programs.schemathesis.generated import run


async def test_no_request_that_can_be_made_up_fails_or_gets_what_the_schema_does_not_say(
    tmp_path: Path,
) -> None:
    async with asyncio.timeout(120):
        status, said = await run(tmp_path, "--max-examples=25", "--seed=1", output=asyncio.subprocess.PIPE)
    assert status == 0, said
    operations = re.search(r"Selected: (\d+)/(\d+)\n +Tested: (\d+)\n", said)
    assert operations, said
    selected, total, tested = map(int, operations.groups())
    assert tested == selected == total - 1, "all but the stream"
