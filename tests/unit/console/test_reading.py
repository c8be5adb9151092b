"""Reads of pages stand apart from predictions."""

import asyncio
from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest

from signaltape.console.reading import told
from signaltape.http.pool import Pool
from signaltape.serving.errors import ServingError

pytestmark = pytest.mark.unit


async def test_pages_that_wait_for_postgres_keep_no_prediction_waiting() -> None:
    backend: Any = SimpleNamespace(pool=Pool(1, 0), reads=Pool(1, 0))
    answers = Event()
    hanging = asyncio.create_task(told(backend, answers.wait))
    await asyncio.sleep(0)
    with pytest.raises(ServingError, match="too many requests wait"):
        await told(backend, lambda: None)
    async with asyncio.timeout(5):
        assert await backend.pool.run(lambda: 1) == 1
    answers.set()
    assert await hanging
    for pool in (backend.pool, backend.reads):
        pool.close()
