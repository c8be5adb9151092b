"""Work beside the event loop: bounded, and its place is taken until it has really ended."""

import asyncio
import threading

import pytest

from signaltape.http.pool import NotBegun, Pool
from signaltape.serving.errors import ServingError


async def test_more_than_may_wait_is_refused_at_once() -> None:
    pool, let = Pool(1, 1), threading.Event()
    running = [asyncio.create_task(pool.run(let.wait, 10)) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(ServingError, match="too many"):
        await pool.run(int)
    let.set()
    assert await asyncio.gather(*running) == [True, True]
    assert await pool.run(int) == 0
    pool.close()


async def test_a_call_that_its_caller_gave_up_keeps_its_place() -> None:
    pool, begun, let = Pool(1, 0), threading.Event(), threading.Event()

    def held() -> bool:
        begun.set()
        return let.wait(30)

    running = asyncio.create_task(pool.run(held))
    assert await asyncio.to_thread(begun.wait, 30)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(running, 0.05)
    with pytest.raises(ServingError, match="too many"):
        await pool.run(int)
    let.set()
    while True:
        try:
            assert await pool.run(int) == 0
        except ServingError:
            await asyncio.sleep(0.01)
        else:
            break
    pool.close()


async def test_a_call_that_never_began_says_so() -> None:
    """Its caller must know that nothing happened: it can't say so of one that has begun."""
    pool, let, begun = Pool(1, 1), threading.Event(), []
    running = asyncio.create_task(pool.run(let.wait, 10))
    await asyncio.sleep(0)
    with pytest.raises(NotBegun, match="Nothing of it was done"):
        async with asyncio.timeout(0.05):
            await pool.run(begun.append, 1)
    let.set()
    assert await running
    assert await pool.run(int) == 0
    assert begun == []
    pool.close()


async def test_what_it_raises_is_raised() -> None:
    def fail() -> None:
        raise ZeroDivisionError

    pool = Pool(1, 1)
    with pytest.raises(ZeroDivisionError):
        await pool.run(fail)
    pool.close()
