"""A process is known by its id together with the moment it began."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from infra.stack.guard import Guard
from infra.stack.process import Launch, ProcessRecord, ServerProcess, started_ticks, write_private
from tests.support.waiting import wait_for

SLEEPER = Launch(argv=["sleep", "600"], folder=Path("/"), environment={"PATH": "/usr/bin:/bin"})
STUBBORN = Launch(
    argv=["sh", "-c", "trap '' TERM; echo deaf; while :; do sleep 600; done"],
    folder=Path("/"),
    environment={"PATH": "/usr/bin:/bin"},
)


def server_process(folder: Path) -> ServerProcess:
    return ServerProcess("sleeper", folder / "sleeper.json", folder / "log" / "sleeper.log")


def test_a_record_outlives_the_object_that_wrote_it(tmp_path: Path) -> None:
    writer, finder = server_process(tmp_path), server_process(tmp_path)
    record = writer.launch(SLEEPER, port=1)
    assert finder.record() == record
    finder.send(signal.SIGTERM)
    writer.await_end(10.0)
    assert not finder.is_running()


def test_a_stale_record_of_a_reused_id_is_nobody(tmp_path: Path) -> None:
    process = server_process(tmp_path)
    record = process.launch(SLEEPER, port=1)
    path = tmp_path / "sleeper.json"
    stale = json.loads(path.read_text())
    stale["started_ticks"] -= 1
    path.write_text(json.dumps(stale))
    assert not process.is_running()
    assert process.send(signal.SIGKILL) is False
    assert started_ticks(record.pid) == record.started_ticks
    path.write_text(json.dumps({**stale, "started_ticks": record.started_ticks, "boot_id": "another boot"}))
    assert not process.is_running()
    path.write_text("{")
    assert not process.is_running()
    os.kill(record.pid, signal.SIGKILL)
    process.await_end(5.0)


def test_a_process_that_ignores_its_signal_is_killed(tmp_path: Path) -> None:
    process = server_process(tmp_path)
    record = process.launch(STUBBORN, port=1)
    wait_for(lambda: "deaf" in process.log.read_text(), 30)
    process.send(signal.SIGTERM)
    process.await_end(0.2)
    assert started_ticks(record.pid) is None
    assert not (tmp_path / "sleeper.json").exists()


def test_last_words_are_the_end_of_the_log(tmp_path: Path) -> None:
    process = server_process(tmp_path)
    script = "for i in 1 2 3 4 5 6 7; do echo line $i; done"
    process.launch(Launch(argv=["sh", "-c", script], folder=Path("/"), environment={}), port=1)
    wait_for(lambda: not process.is_running(), 30)
    assert process.last_words(2).split() == ["line", "6", "line", "7"]
    process.forget()


def test_private_files_are_private(tmp_path: Path) -> None:
    write_private(tmp_path / "secret", "word")
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [tmp_path / "secret"]


def test_guardian_ends_what_is_under_its_care_and_nothing_else(tmp_path: Path) -> None:
    watched, dropped, reused = (ServerProcess(n, tmp_path / n, tmp_path / f"{n}.log") for n in ("w", "d", "r"))
    records = [process.launch(SLEEPER, port=1) for process in (watched, dropped, reused)]
    guard = Guard()
    guard.add(records[0], signal.SIGTERM)
    guard.add(records[1], signal.SIGTERM)
    guard.drop(records[1])
    other = ProcessRecord(pid=records[2].pid, started_ticks=1, boot_id="", port=1)
    guard.add(other, signal.SIGTERM)
    guard.close()
    assert not watched.is_running()
    assert dropped.is_running()
    assert reused.is_running()
    for process in (watched, dropped, reused):
        process.send(signal.SIGKILL)
        process.await_end(5.0)


def test_guardian_acts_when_its_owner_is_killed(tmp_path: Path) -> None:
    script = f"""
import signal, sys, time
from pathlib import Path
from infra.stack.guard import Guard
from infra.stack.process import Launch, ServerProcess
process = ServerProcess("s", Path({str(tmp_path)!r}) / "s.json", Path({str(tmp_path)!r}) / "s.log")
guard = Guard()
record = process.launch(Launch(argv=["sleep", "600"], folder=Path("/"), environment={{}}), port=1)
guard.add(record, signal.SIGTERM)
print(record.pid, flush=True)
time.sleep(600)
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
        assert started_ticks(pid) is not None
        owner.kill()
    wait_for(lambda: started_ticks(pid) is None, 60, "the guardian ending the orphan")
