"""A fresh scene for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.watch.scene import Scene, staged


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    """Return a cluster whose servers are up; what the test started is ended with it."""
    async with staged(tmp_path) as scene:
        yield scene


@pytest.fixture
async def quiet(tmp_path: Path) -> AsyncIterator[Scene]:
    """Return a cluster in which nothing happens, not even bookmarks."""
    async with staged(tmp_path, bookmark_seconds=3600.0) as scene:
        yield scene
