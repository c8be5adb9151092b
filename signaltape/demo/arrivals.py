"""What arrives after its time in the demonstration: a correction and a split, and what they change."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from infra.broker.bar_feed import BarFeed
from infra.broker.publisher import Publisher
from infra.errors import OperatorError
from infra.feature_store import FeatureStore
from infra.settings import Settings
from infra.warehouse import connect
from infra.warehouse.corrections import list_corrections
from infra.warehouse.queries import queries
from producers.bar_table import BarTable
from producers.cross_sections import cross_sections
from schemas.bars import Adjustment
from schemas.codec import encode
from schemas.fields import F8Array, I8Array
from schemas.headers import event_headers
from schemas.ids import digest
from schemas.intervals import MINUTE
from schemas.partitioning import partition_of
from schemas.topics import TopicNames

FACTOR = 2.0
SHOWN = "ret_std_20"
_BACK = 5
_REPAIR_S = 60.0


@dataclass(frozen=True, kw_only=True)
class Arrivals:
    """One-minute bars of a feed that has ended, and what comes after its end.

    ``revised``: a bar of some minutes ago with another close, revision 1. ``after``: the next bar of another symbol,
    traded after its split.
    """

    feed: str
    last: int
    revised: BarTable
    was: float
    split: str
    before: float
    after: BarTable

    @classmethod
    def of(cls, live: BarTable, feed: str) -> "Arrivals":
        """Choose two symbols that were traded in the last minute. ``live`` is one-minute bars, in any order."""
        last = int(live.event_time.max())
        newest, earlier = live.between(start=last - 1), live.between(last - _BACK * MINUTE - 1, last - _BACK * MINUTE)
        open_to_change = set(earlier.symbol[earlier.high > earlier.close].tolist())
        revisable = sorted(open_to_change & set(newest.symbol.tolist()))
        others = sorted(set(newest.symbol.tolist()) - set(revisable[:1]))
        if not revisable or not others:
            raise OperatorError("the session is too short to show a correction and a split: simulate more symbols")
        bar = earlier.take(earlier.symbol == revisable[0])
        base = newest.take(newest.symbol == others[0])
        return cls(
            feed=feed,
            last=last,
            revised=_priced(bar, bar.event_time, (bar.open, bar.high, bar.low, bar.high)),
            was=float(bar.close[0]),
            split=others[0],
            before=float(base.close[0]),
            after=_priced(
                base, base.event_time + MINUTE, [one / FACTOR for one in (base.close, base.high, base.low, base.close)]
            ),
        )


def bring(settings: Settings, arrivals: Arrivals, drain: Callable[[], None]) -> dict[str, Any]:
    """Publish both, wait until they have had their effects, and return what changed.

    1. the revision, available half a minute after the last bar;
    2. the split, in force from the last bar on, then the first bar traded after it;
    3. ``drain``: everything has flowed through, and the repair is asked for;
    4. the repair job of the store has worked the request off, and its ``StateRepair`` has flowed through.
    """
    symbol, known = str(arrivals.revised.symbol[0]), arrivals.last + MINUTE // 2
    before = _predictions(settings, symbol)
    _publish(settings, arrivals, known)
    drain()
    _await_repair(settings)
    drain()
    with FeatureStore(settings, interval="1m") as store:
        features = _known(store, arrivals, symbol, known)
        following = store.get_latest([arrivals.split], ["logret_1"], arrivals.last + 2 * MINUTE, knowledge="available")
    price = float(arrivals.after.close[0])
    return {
        "revision": {
            "symbol": symbol,
            "event_time": int(arrivals.revised.event_time[0]),
            "close_before": arrivals.was,
            "close_after": float(arrivals.revised.close[0]),
            **_worked_off(settings, symbol),
            **features,
            "predictions_added": _predictions(settings, symbol) - before,
        },
        "split": {
            "symbol": arrivals.split,
            "factor": FACTOR,
            "effective_time": arrivals.last,
            "price_before": arrivals.before,
            "price_after": price,
            "log_ratio_of_prices": float(np.log(price / arrivals.before)),
            "logret_1": float(following.values[0, 0]),
        },
    }


def _publish(settings: Settings, arrivals: Arrivals, known: int) -> None:
    topic, partitions = TopicNames(settings.topics.prefix).bars, settings.topics.partitions
    publisher = Publisher(settings, f"feed-{arrivals.feed}")
    feed = BarFeed(publisher, topic, partitions, arrivals.feed)
    feed.open(arrivals.last)
    lag = known - int(arrivals.revised.event_time[0])
    source: dict[str, Any] = {"partitions": partitions, "feed": arrivals.feed, "source": arrivals.feed}
    for _, batches in cross_sections(arrivals.revised, **source, lag=lag, revision=1):
        feed.publish(batches)
    split = Adjustment(
        feed=arrivals.feed,
        source=arrivals.feed,
        symbol=arrivals.split,
        factor=FACTOR,
        effective_time=arrivals.last,
        available_time=arrivals.last,
    )
    identity = digest("adjustment", split.source, split.symbol, split.effective_time, split.factor)
    headers = event_headers(split.TYPE, identity, f"feed/{split.feed}", split.effective_time)
    publisher.send(topic, partition_of(split.symbol, partitions), encode(split), headers=headers)
    for _, batches in cross_sections(arrivals.after, **source):
        feed.publish(batches)
    feed.close(arrivals.last + MINUTE)


def _await_repair(settings: Settings) -> None:
    """Return when no request is open; raise ``OperatorError`` after a minute."""
    until = time.monotonic() + _REPAIR_S
    with connect(settings, name="signaltape-demo") as connection:
        while any(one.status == "open" for one in list_corrections(connection)):
            if time.monotonic() > until:
                raise OperatorError(f"the repair was not worked off in {_REPAIR_S:g} s; see the store's log")
            time.sleep(0.1)


def _worked_off(settings: Settings, symbol: str) -> dict[str, Any]:
    with connect(settings, name="signaltape-demo") as connection:
        found = list_corrections(connection, symbol)[-1]
    return {
        "status": found.status,
        "feature_rows": found.feature_rows,
        "return_rows": found.return_rows,
        "seconds": found.duration_s,
    }


def _known(store: FeatureStore, arrivals: Arrivals, symbol: str, known: int) -> dict[str, Any]:
    """A feature of the last bar, as the world could know it right before the revision and from its arrival on."""
    asked = [(symbol, known - 1_000), (symbol, known)]
    frame = store.get_point_in_time(asked, [SHOWN], knowledge="available")
    if set(frame.event_time.tolist()) != {arrivals.last}:
        raise OperatorError(f"{symbol}: the last bar has no features")
    before, after = frame.values[:, 0].tolist()
    return {"feature": SHOWN, "feature_event_time": arrivals.last, "as_of_before": before, "as_of_after": after}


def _predictions(settings: Settings, symbol: str) -> int:
    with connect(settings, name="signaltape-demo") as connection:
        row = connection.execute(queries("demo_figures")["predictions of"], {"symbol": symbol}).fetchone()
    return 0 if row is None else int(row[0])


def _priced(bar: BarTable, event_time: I8Array, prices: Sequence[F8Array]) -> BarTable:
    """The bar at another time with other prices: open, high, low, close."""
    opened, high, low, close = prices
    return replace(bar, event_time=event_time, open=opened, high=high, low=low, close=close)
