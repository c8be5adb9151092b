"""Starting, finding, surviving and ending stacks."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.places import cache_folder, data_home
from infra.stack import Ports, Stack, StackConfig, StackError
from infra.stack.process import started_ticks
from infra.stack.stack import SERVER_NAMES
from tests.support.local_home import command, new_home, scratch
from tests.support.providers import TestStack, chosen_provider, test_config
from tests.support.waiting import wait_for

pytestmark = pytest.mark.skipif(chosen_provider() != "local", reason="these tests are about the local stack itself")


@pytest.fixture
def folder() -> Iterator[Path]:
    with scratch() as path:
        yield path


@pytest.fixture
def home(folder: Path, stack: TestStack) -> Path:
    return new_home(folder / "home")


def process_ids(answer: subprocess.CompletedProcess[str]) -> dict[str, int]:
    return {name: server["pid"] for name, server in json.loads(answer.stdout)["servers"].items()}


@pytest.mark.slow
def test_up_status_down(home: Path) -> None:
    first = command(home, "up", "--json")
    assert first.returncode == 0, first.stderr
    pids = process_ids(first)
    try:
        status = command(home, "status")
        assert status.returncode == 0
        assert "features  no tables yet: `signaltape init`" in status.stdout
        assert process_ids(command(home, "up", "--json")) == pids, "a second `up` keeps what runs"

        os.kill(pids["redis"], signal.SIGKILL)
        wait_for(lambda: started_ticks(pids["redis"]) is None)
        assert command(home, "status").returncode == 4
        again = command(home, "up", "--json")
        changed = {name for name, pid in process_ids(again).items() if pid != pids[name]}
        assert changed == {"redis"}, "`up` starts what is missing and nothing else"

        shown = command(home, "config", "show", "--json")
        source = json.loads(shown.stdout)["kafka.bootstrap_servers"]
        endpoints = json.loads(again.stdout)["endpoints"]
        assert source == {"value": endpoints["bootstrap_servers"], "source": "local stack"}
        checks = {check["name"]: check for check in json.loads(command(home, "doctor", "--json").stdout)}
        assert checks["kafka"]["state"] == "ok"
        assert checks["redis"]["state"] == "ok"
    finally:
        down = command(home, "down", "--json")
    assert set(json.loads(down.stdout)["stopped"]) == set(SERVER_NAMES)
    assert all(started_ticks(pid) is None for pid in process_ids(again).values())
    assert command(home, "status").returncode == 4
    assert json.loads(command(home, "down", "--json").stdout)["stopped"] == []


@pytest.mark.slow
def test_a_failed_up_leaves_what_ran_before(home: Path) -> None:
    pids = process_ids(command(home, "up", "--json"))
    try:
        os.kill(pids["kafka"], signal.SIGKILL)
        wait_for(lambda: started_ticks(pids["kafka"]) is None)
        with socket.create_server(("127.0.0.1", 0)) as other:
            taken = str(other.getsockname()[1])
            failed = command(home, "up", "--controller-port", taken)
        assert failed.returncode == 1
        assert f"controller: port {taken} on 127.0.0.1 is taken" in failed.stderr
        assert "Traceback" not in failed.stderr
        assert started_ticks(pids["postgres"]) is not None
        assert started_ticks(pids["redis"]) is not None
    finally:
        command(home, "down")


@pytest.mark.slow
def test_servers_end_with_an_owner_that_is_killed(folder: Path, stack: TestStack) -> None:
    script = (
        "import json, sys, time\n"
        "from pathlib import Path\n"
        "from infra.stack import Stack\n"
        "from infra.stack.stack import SERVER_NAMES\n"
        "from tests.support.providers import test_config\n"
        "stack = Stack(test_config(Path(sys.argv[1])))\n"
        "stack.start()\n"
        "print(json.dumps([stack.process_id(name) for name in SERVER_NAMES]), flush=True)\n"
        "time.sleep(600)\n"
    )
    command = [sys.executable, "-c", script, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        pids = json.loads(owner.stdout.readline())
        assert all(started_ticks(pid) is not None for pid in pids)
        owner.kill()
    wait_for(lambda: all(started_ticks(pid) is None for pid in pids), 90, "all servers ending")
    with Stack(test_config(folder)) as successor:
        assert successor.process_id("kafka") is not None, "the data folder is usable again"


@pytest.mark.slow
def test_two_stacks_side_by_side_and_one_owner_for_each(folder: Path, stack: TestStack) -> None:
    with Stack(test_config(folder)) as second:
        assert second.endpoints.bootstrap_servers != stack.endpoints.bootstrap_servers
        with pytest.raises(StackError, match=rf"in use by process {os.getpid()}"):
            Stack(test_config(folder)).start()
        with pytest.raises(StackError, match="in use by"):
            Stack(test_config(folder), detached=True).stop()
        assert second.process_id("postgres") is not None, "the refused ones have stopped nothing"
    assert all(second.process_id(name) is None for name in SERVER_NAMES)


@pytest.mark.slow
def test_a_failed_start_says_which_server_why_and_where_its_log_is(folder: Path, stack: TestStack) -> None:
    broken = Stack(test_config(folder, kafka_heap_mb=1))
    with pytest.raises(StackError) as caught:
        broken.start()
    assert caught.value.what == "kafka"
    assert "heap" in caught.value.why
    assert caught.value.log == broken.log("kafka")
    assert str(broken.log("kafka")) in str(caught.value)
    assert all(broken.process_id(name) is None for name in SERVER_NAMES), "what had started is stopped again"
    with Stack(test_config(folder)):
        pass


def test_a_server_that_never_gets_healthy_is_given_up(folder: Path, stack: TestStack) -> None:
    with pytest.raises(StackError, match=r"(redis|postgres|kafka): is not healthy after 0 s"):
        Stack(test_config(folder, deadline_s=0.05)).start()


def test_a_stale_process_record_is_not_believed(folder: Path, stack: TestStack) -> None:
    run = folder / "stack" / "run"
    run.mkdir(parents=True)
    # Our own process id, as if the system had given it out again after a reboot.
    record = {"pid": os.getpid(), "started_ticks": 1, "boot_id": "earlier", "port": 1}
    (run / "kafka.json").write_text(json.dumps(record))
    (run / "redis.json").write_text("half a rec")
    with Stack(test_config(folder)) as started:
        assert started.process_id("kafka") not in (None, os.getpid())


@pytest.mark.slow
def test_half_copied_data_is_thrown_away(folder: Path, stack: TestStack) -> None:
    for name in ("postgres", "kafka"):
        partial = folder / "stack" / name / "data.partial"
        partial.mkdir(parents=True)
        (partial / "rubbish").write_text("x")
    for parent in (folder / "stack", folder / "stack" / "postgres"):
        parent.chmod(0o711)
    with Stack(test_config(folder)):
        assert not (folder / "stack" / "kafka" / "data.partial").exists()


def test_postgres_does_not_run_as_root(stack: TestStack) -> None:
    assert isinstance(stack, Stack)
    owner = Path(f"/proc/{stack.process_id('postgres')}").stat().st_uid
    assert owner != 0
    assert owner == os.geteuid() or os.geteuid() == 0


@pytest.mark.slow
def test_plain_postgres_with_a_notice_where_the_extension_cannot_be_built(
    folder: Path, stack: TestStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = folder / "cache"
    cache.mkdir(mode=0o711)
    for artifact in cache_folder(data_home()).iterdir():
        if artifact.name.startswith(("jars-", "kafka-formatted-")):
            (cache / artifact.name).symlink_to(artifact)
    reason = "it has to be compiled; run: apt-get install gcc"
    monkeypatch.setattr("infra.stack.extension_build.missing_tools", lambda: reason)
    config = StackConfig(
        data=folder / "stack", cache=cache, ports=Ports.free(), durable=False, deadline_s=180.0
    )  # fmt: skip
    with Stack(config) as plain:
        assert plain.notice == f"no TimescaleDB: {reason}"
        assert plain.endpoints.timescale_version is None
        assert plain.endpoints.timescale_license is None
    insisting = StackConfig(data=folder / "stack", cache=cache, ports=Ports.free(), require_timescale=True)
    with pytest.raises(StackError, match="timescaledb: is insisted on"):
        Stack(insisting).start()


def test_a_frozen_broker_goes_on(stack: TestStack) -> None:
    from confluent_kafka.admin import AdminClient

    client = AdminClient({"bootstrap.servers": stack.endpoints.bootstrap_servers, "log_level": 0})
    stack.suspend("kafka")
    try:
        with pytest.raises(Exception, match=r"_TIMED_OUT|timed out|Timeout"):
            client.describe_cluster(request_timeout=0.5).result(60)
    finally:
        stack.resume("kafka")
    assert client.describe_cluster(request_timeout=20).result(30).nodes
