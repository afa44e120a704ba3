from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.owners.scene import Scene, staged


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    """Give a fresh scene."""
    async with staged(tmp_path) as scene:
        yield scene
