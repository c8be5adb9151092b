"""Commits whose answer never came: both ways they can have gone, and servers that die at any moment."""

import socket
import threading
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit, urlunsplit

import pytest

from infra.settings import Settings
from infra.warehouse import Connection, WarehouseUnavailable, connect, migrate
from infra.warehouse.checkpoints import ensure_rows, read_checkpoints, take_epoch
from infra.warehouse.feature_rounds import FeatureRoundWriter
from infra.warehouse.round_writer import RoundReport
from tests.support.providers import TestStack
from tests.support.rounds import TOPIC, partition_round
from tests.support.waiting import wait_for

COMMIT = b"Q\x00\x00\x00\x0bCOMMIT\x00"


class CuttingProxy:
    """Stands between a client and Postgres. On the first COMMIT it cuts the line, before or after passing it on."""

    def __init__(self, server: tuple[str, int], *, passing_it_on: bool) -> None:
        self._server, self._passing = server, passing_it_on
        self.armed = False
        self.cut = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._sockets: list[socket.socket] = [self._listener]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        for one in self._sockets:
            one.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(self._server)
            self._sockets += [client, server]
            threading.Thread(target=self._pump, args=(server, client), daemon=True).start()
            threading.Thread(target=self._watch, args=(client, server), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                if self.cut.is_set():
                    return
                sink.sendall(data)
        except OSError:
            return

    def _watch(self, client: socket.socket, server: socket.socket) -> None:
        try:
            while data := client.recv(65536):
                if self.armed and COMMIT in data:
                    self.armed = False
                    self.cut.set()
                    if self._passing:
                        server.sendall(data)
                        server.shutdown(socket.SHUT_WR)
                    else:
                        server.shutdown(socket.SHUT_RDWR)
                    client.shutdown(socket.SHUT_RDWR)
                    client.close()
                    return
                server.sendall(data)
        except OSError:
            return


@pytest.fixture
def database(settings: Settings) -> Iterator[Connection]:
    migrate(settings)
    with connect(settings) as connection:
        ensure_rows(connection, "features", TOPIC, "topic-id", range(2))
        take_epoch(connection, "features", TOPIC, 0)
        yield connection


def stored(connection: Connection) -> tuple[int, int]:
    row = connection.execute("SELECT count(*), count(DISTINCT (symbol, event_time)) FROM features").fetchone()
    assert row is not None
    return row[0], row[1]


@pytest.mark.parametrize("passing_it_on", [True, False])
def test_a_commit_without_an_answer(
    settings: Settings, make_settings: Callable[..., Settings], database: Connection, *, passing_it_on: bool
) -> None:
    parts = urlsplit(settings.postgres.dsn)
    assert parts.hostname is not None
    assert parts.port is not None
    proxy = CuttingProxy((parts.hostname, parts.port), passing_it_on=passing_it_on)
    user = parts.netloc.rpartition("@")[0]
    dsn = urlunsplit(parts._replace(netloc=f"{user}@127.0.0.1:{proxy.port}", query="sslmode=disable"))
    writer = FeatureRoundWriter(make_settings(postgres={"dsn": dsn}), TOPIC)
    try:
        writer.write([partition_round(0)])
        proxy.armed = True
        with pytest.raises(WarehouseUnavailable, match="was lost"):
            writer.write([partition_round(1)])
        assert proxy.cut.is_set()
        proxy.cut.clear()
        if passing_it_on:
            wait_for(lambda: read_checkpoints(database, "features", TOPIC)[0].effect_offset == 8)
        report = writer.write([partition_round(1)])
        assert report.moved == (frozenset() if passing_it_on else {(TOPIC, 0)})
        assert stored(database) == (24, 24)
    finally:
        writer.close()
        proxy.close()


def test_a_server_killed_again_and_again(stack: TestStack, settings: Settings) -> None:
    """Rounds go on through three kills, as many as it takes; at the end each row is there once."""
    migrate(settings)
    with connect(settings) as connection:
        ensure_rows(connection, "features", TOPIC, "topic-id", [0])
        take_epoch(connection, "features", TOPIC, 0)
    writer = FeatureRoundWriter(settings, TOPIC)
    reports: list[RoundReport] = []
    failures = 0

    def persist(number: int) -> RoundReport:
        nonlocal failures
        while True:
            try:
                return writer.write([partition_round(number, messages=30)])
            except WarehouseUnavailable:
                failures += 1

    killed, done = threading.Event(), threading.Event()

    def write_all() -> None:
        while len(reports) < 30 or not killed.is_set():
            reports.append(persist(len(reports)))
        done.set()

    thread = threading.Thread(target=write_all, daemon=True)
    thread.start()
    try:
        for reached in (5, 15, 25):
            wait_for(lambda reached=reached: len(reports) >= reached, 60)  # type: ignore[misc]
            stack.kill("postgres")
            stack.start_server("postgres")
    finally:
        killed.set()
    wait_for(done.is_set, 90)
    thread.join()
    writer.close()
    assert failures > 0
    with connect(settings) as connection:
        assert stored(connection) == (len(reports) * 30 * 4, len(reports) * 30 * 4)
        assert read_checkpoints(connection, "features", TOPIC)[0].effect_offset == len(reports) * 31


def test_a_successor_waits_for_the_round_under_way(settings: Settings, database: Connection) -> None:
    """A zombie's transaction that is nearly through: its successor learns of it, and does not do it again."""
    with connect(settings) as zombie:
        taken = threading.Event()
        found: list[int] = []

        def take() -> None:
            with connect(settings) as successor:
                taken.set()
                found.append(take_epoch(successor, "features", TOPIC, 0).effect_offset)

        with zombie.transaction():
            zombie.execute("UPDATE checkpoints SET effect_offset = 4 WHERE partition = 0")
            thread = threading.Thread(target=take)
            thread.start()
            assert taken.wait(60)
            waiting = (
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%epoch + 1%'"
            )
            wait_for(lambda: database.execute(waiting).fetchone() == (1,))  # type: ignore[arg-type]
            assert found == []
        thread.join(60)
    assert found == [4]
