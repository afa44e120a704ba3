from collections.abc import AsyncIterator

import pytest

from tests.integration.telemetry.scene import Scene, staged


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    """Give a fresh scene."""
    async with staged() as scene:
        yield scene
