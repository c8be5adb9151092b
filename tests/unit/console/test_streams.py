"""Channels of events: made while somebody listens, once for all, with losses told."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from itertools import count
from threading import Event

import orjson
import pytest

from infra.errors import OperatorError
from signaltape.console.streams import Streams, TooManyPages

pytestmark = pytest.mark.unit
QUICK_S = 0.05


@pytest.fixture
def streams() -> Iterator[Streams]:
    found = Streams(most=3)
    yield found
    found.end()


async def events(stream: AsyncIterator[bytes], wanted: int) -> list[tuple[str, object]]:
    found: list[tuple[str, object]] = []
    while len(found) < wanted:
        async with asyncio.timeout(5):
            head, body, *rest = (await anext(stream)).split(b"\n")
        assert rest == [b"", b""]
        found.append((head.removeprefix(b"event: ").decode(), orjson.loads(body.removeprefix(b"data: "))))
    return found


def opened(streams: Streams, *names: str) -> aclosing[AsyncIterator[bytes]]:  # type: ignore[type-var]
    return aclosing(streams.listen(names, {"build": "b"}))  # type: ignore[type-var]


async def test_a_listener_is_greeted_and_gets_what_is_made(streams: Streams) -> None:
    numbers = count()
    streams.add("n", lambda: {"n": next(numbers)}, QUICK_S)
    async with opened(streams, "n") as stream:
        assert await events(stream, 3) == [("hello", {"build": "b"}), ("n", {"n": 0}), ("n", {"n": 1})]


async def test_nothing_is_made_while_nobody_listens(streams: Streams) -> None:
    made = count()
    streams.add("n", lambda: next(made), QUICK_S)
    async with opened(streams, "n") as stream:
        await events(stream, 2)
    await asyncio.sleep(3 * QUICK_S)
    first = next(made)
    await asyncio.sleep(6 * QUICK_S)
    assert next(made) == first + 1


async def test_an_event_is_made_once_for_all(streams: Streams) -> None:
    numbers = count()
    streams.add("n", lambda: next(numbers), QUICK_S)
    async with opened(streams, "n") as one, opened(streams, "n") as other:
        seen, also = await asyncio.gather(events(one, 6), events(other, 6))
    common = [event for event in seen if event in also[1:]]
    assert len(common) >= 4
    assert common == [event for event in also if event in common]
    assert len({number for _, number in seen[1:]}) == 5


async def test_who_comes_later_gets_the_picture_at_once_but_no_increment(streams: Streams) -> None:
    go = Event()
    first = iter([1])
    streams.add("picture", lambda: next(first, None), QUICK_S)
    streams.add("increment", lambda: 2 if go.is_set() else None, QUICK_S, keeps=False)
    async with opened(streams, "picture", "increment") as one:
        await events(one, 2)
        async with opened(streams, "picture", "increment") as late:
            assert (await events(late, 2))[1] == ("picture", 1)
            go.set()
            assert (await events(late, 1)) == [("increment", 2)]


async def test_a_slow_listener_is_told_that_events_are_lost(streams: Streams) -> None:
    made, numbers = Event(), count()

    def make() -> int:
        number = next(numbers)
        if number == 30:
            made.set()
        return number

    streams.add("n", make, 0.0)
    async with opened(streams, "n") as stream:
        await events(stream, 2)
        assert await asyncio.to_thread(made.wait, 10)
        found = await events(stream, 20)
    names = [name for name, _ in found]
    assert "lost" in names
    after = [number for name, number in found[names.index("lost") + 1 :] if name == "n"]
    assert after == list(range(after[0], after[0] + len(after)))


async def test_a_failure_is_told_and_the_channel_goes_on(streams: Streams) -> None:
    turns = iter([OperatorError("Redis does not answer"), ValueError("secret detail"), 7])

    def make() -> object:
        turn = next(turns, None)
        if isinstance(turn, Exception):
            raise turn
        return turn

    streams.add("n", make, QUICK_S)
    async with opened(streams, "n") as stream:
        _, away, fault, good = await events(stream, 4)
    assert away == ("fault", {"channel": "n", "message": "Redis does not answer"})
    assert fault == ("fault", {"channel": "n", "message": "a fault of this program; see its log"})
    assert good == ("n", 7)


async def test_too_many_are_refused_and_a_place_is_free_again(streams: Streams) -> None:
    streams.add("n", lambda: None, QUICK_S)
    never_begun = streams.listen(["n"], {})
    await never_begun.aclose()  # type: ignore[attr-defined]
    held = [streams.listen(["n"], {}) for _ in range(3)]
    for one in held:
        await events(one, 1)
    with pytest.raises(TooManyPages, match="3 pages are open already"):
        streams.listen(["n"], {})
    await held[0].aclose()  # type: ignore[attr-defined]
    await events(streams.listen(["n"], {}), 1)
    for one in held[1:]:
        await one.aclose()  # type: ignore[attr-defined]


async def test_one_address_leaves_places_for_others() -> None:
    streams = Streams(most=4, most_of_one=2)
    streams.add("n", lambda: None, QUICK_S)
    one = [streams.listen(["n"], {}, f"2001:db8::{number}") for number in range(2)]
    for stream in one:
        await events(stream, 1)
    with pytest.raises(TooManyPages, match=r"2 pages are open already from this address.*close one") as caught:
        streams.listen(["n"], {}, "2001:db8::9")  # of the same network
    assert caught.value.status == 429
    other = [streams.listen(["n"], {}, "10.0.0.1") for _ in range(3)]  # none of them has been counted yet
    assert [(await events(stream, 1))[0][0] for stream in other] == ["hello", "hello", "fault"]
    await other[2].aclose()  # type: ignore[attr-defined]
    with pytest.raises(TooManyPages, match="4 pages are open already, which") as caught:
        streams.listen(["n"], {}, "10.0.0.2")
    assert caught.value.status == 503
    await one[0].aclose()  # type: ignore[attr-defined]
    assert (await events(streams.listen(["n"], {}, "2001:db8::9"), 1))[0][0] == "hello"
    for stream in (*one, *other):
        await stream.aclose()  # type: ignore[attr-defined]
    streams.end()


async def test_the_end_ends_every_stream(streams: Streams) -> None:
    streams.add("n", lambda: None, QUICK_S)
    async with opened(streams, "n") as stream:
        await events(stream, 1)
        streams.end()
        with pytest.raises(StopAsyncIteration):
            async with asyncio.timeout(5):
                await anext(stream)


async def test_no_more_than_the_limit_where_many_come_at_once(streams: Streams) -> None:
    streams.add("n", lambda: 1, QUICK_S)
    held = [streams.listen(["n"], {}) for _ in range(5)]  # none of them has been counted yet
    first = [await events(stream, 1) for stream in held]
    assert [name for ((name, _),) in first] == ["hello"] * 3 + ["fault"] * 2
    with pytest.raises(StopAsyncIteration):
        await anext(held[4])
    for stream in held:
        await stream.aclose()  # type: ignore[attr-defined]
    await events(streams.listen(["n"], {}), 1)


async def test_what_has_not_changed_is_sent_once_and_again_to_who_comes_back(streams: Streams) -> None:
    now, made = ["a"], count()

    def make() -> str:
        next(made)
        return now[0]

    streams.add("n", make, 0.0, only_changes=True)
    async with opened(streams, "n") as stream:
        assert (await events(stream, 2))[1] == ("n", "a")
        before = next(made)
        async with asyncio.timeout(5):
            while next(made) < before + 5:
                await asyncio.sleep(0)
        now[0] = "b"
        assert await events(stream, 1) == [("n", "b")]
    async with opened(streams, "n") as again:  # it can't be known whether it has heard of "b"
        assert (await events(again, 2))[1] == ("n", "b")


async def test_a_failure_that_is_over_is_followed_by_what_there_is(streams: Streams) -> None:
    turns = iter([1, OperatorError("gone"), 1])

    def make() -> object:
        turn = next(turns, 1)
        if isinstance(turn, Exception):
            raise turn
        return turn

    streams.add("n", make, QUICK_S, only_changes=True)
    async with opened(streams, "n") as stream:
        assert [name for name, _ in await events(stream, 4)] == ["hello", "n", "fault", "n"]


async def test_an_event_that_can_t_be_written_is_told_and_the_channel_goes_on(streams: Streams) -> None:
    turns = iter([{"large": 2**70}, 7])
    streams.add("n", lambda: next(turns, None), QUICK_S)
    async with opened(streams, "n") as stream:
        assert [name for name, _ in await events(stream, 3)] == ["hello", "fault", "n"]
