"""A trading gateway: acts on each signal once, whatever dies in between, and goes on where it stopped.

    python examples/trading_gateway.py --ledger orders.db --stop-when-idle 5

The order and the place in the topic are written in one local transaction; ``signal_id`` is the key, so a signal that
is read again after a crash changes nothing. While nothing comes, the places follow the topic to its end: those right
behind the last message may expire before the next one comes. A gap in the sequence stops it: a person should look.
Started for the first time, it begins with the current state (or where ``--start`` says); later with the places in its
ledger.
"""

import argparse
import sqlite3
import sys
import time
from contextlib import closing

from schemas.signals import Notice, Signal
from signaltape.client import Gap, SignalSubscriber, Update

TABLES = """
CREATE TABLE IF NOT EXISTS orders (signal_id TEXT PRIMARY KEY, symbol TEXT, side TEXT, price REAL, event_time INTEGER);
CREATE TABLE IF NOT EXISTS places (part INTEGER PRIMARY KEY, next_offset INTEGER);
"""


def act(ledger: sqlite3.Connection, update: Update) -> bool:
    """Write the order and the place in one transaction; True if the order is new."""
    new = False
    with ledger:
        if isinstance(update.message, Signal):
            signal = update.message
            row = (signal.signal_id, signal.symbol, signal.signal, signal.reference_price, signal.event_time)
            new = ledger.execute("INSERT OR IGNORE INTO orders VALUES (?, ?, ?, ?, ?)", row).rowcount == 1
        ledger.execute("INSERT OR REPLACE INTO places VALUES (?, ?)", (update.partition, update.next_offset))
    return new


def keep(ledger: sqlite3.Connection, places: dict[int, int]) -> None:
    """Write places behind everything that was acted on."""
    with ledger:
        ledger.executemany("INSERT OR REPLACE INTO places VALUES (?, ?)", places.items())


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--ledger", default="orders.db")
    parser.add_argument("--start", default="current", help="for an empty ledger: current, recent, beginning or end")
    parser.add_argument("--stop-when-idle", type=float, default=0.0, help="seconds, once everything is read; 0 = never")
    arguments = parser.parse_args()
    with closing(sqlite3.connect(arguments.ledger)) as ledger:
        ledger.executescript(TABLES)
        places = dict(ledger.execute("SELECT part, next_offset FROM places"))
        with SignalSubscriber(start=places or arguments.start) as signals:
            if not places:  # every partition has its place from the first moment, also one that is quiet so far
                keep(ledger, signals.positions)
            follow(ledger, signals, arguments.stop_when_idle)
        (count,) = ledger.execute("SELECT count(*) FROM orders").fetchone()
        print(f"{count} orders")


def follow(ledger: sqlite3.Connection, signals: SignalSubscriber, stop_when_idle: float) -> None:
    """Act on what comes; return after ``stop_when_idle`` seconds without anything behind what was there already."""
    heard = time.monotonic()
    kept: dict[int, int] = {}
    while not stop_when_idle or time.monotonic() - heard < stop_when_idle:
        updates = signals.poll(0.2)
        if not signals.caught_up:
            heard = time.monotonic()
        elif not updates and kept != signals.positions:
            kept = dict(signals.positions)
            keep(ledger, kept)
        for update in updates:
            heard = time.monotonic()
            if isinstance(update, Gap):
                sys.exit(f"gap: {update}")
            if act(ledger, update) and isinstance(update.message, Signal):
                print(update.message.signal, update.message.symbol, update.message.signal_id, flush=True)
            elif isinstance(update.message, Notice):
                print("notice:", update.message.kind, update.message.detail, flush=True)


if __name__ == "__main__":
    main()
