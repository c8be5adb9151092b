"""`signaltape signals | alerts | publish | simulate | pause | health`: what they print, and their exit codes."""

import http.server
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from consumers.inference.commit_metadata import initial
from infra.broker.admin import ensure_group_offsets, low_high_offsets
from infra.broker.reading import read_topic
from infra.settings import Settings
from infra.telemetry.health import Health
from infra.telemetry.server import TelemetryServer
from schemas.bars import BarBatch
from schemas.codec import decode
from schemas.control import ControlEvent
from schemas.signals import Heartbeat
from schemas.topics import TopicNames
from signaltape.__main__ import main
from tests.support.isolation import process_environment
from tests.support.signal_log import CLOSE, SECOND, TransactionWriter, alert, notice, signal, write


class Answer(NamedTuple):
    code: int
    out: str
    err: str


Command = Callable[..., Answer]


@pytest.fixture
def command(topics: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """The command line in this process, with the settings of this test in its environment."""
    for name, value in process_environment(topics).items():
        if name.startswith("SIGNALTAPE_"):
            monkeypatch.setenv(name, value)

    def call(*arguments: object) -> Answer:
        monkeypatch.setattr(sys, "argv", ["signaltape", *map(str, arguments)])
        capsys.readouterr()
        code: object = 0
        try:
            main()
        except SystemExit as exit:
            code = exit.code
        shown = capsys.readouterr()
        assert "Traceback" not in shown.err
        return Answer(int(code or 0), shown.out, shown.err)  # type: ignore[call-overload]

    return call


def published(settings: Settings) -> list[BarBatch]:
    records = read_topic(settings, TopicNames(settings.topics.prefix).bars)
    return [message for record in records if isinstance(message := decode(record.value), BarBatch)]


HEADER = "symbol,ts,open,high,low,close,volume\n"
GOOD = "A,2024-01-02T15:00:00Z,10,11,9,10.5,100\n"
TS = "2024-01-02T15:01:00Z"

# What is wrong with a file or an option, and what the message says.
BAD: list[tuple[str, str | bytes | None, tuple[str, ...], str]] = [
    ("missing column", "symbol,ts,open,high,low\nA,2024-01-02T15:00:00Z,1,1,1\n", (), "column close is missing"),
    ("no zone", HEADER + "A,2024-01-02T15:00:00,10,11,9,10.5,1\n", (), "line 2, column ts"),
    ("no number", HEADER + GOOD + f"A,{TS},10,eleven,9,10.5,1\n", (), "line 3, column high"),
    ("short row", HEADER + GOOD + f"A,{TS},10\n", (), "line 3: 3 of 7 columns"),
    ("nan", HEADER + GOOD + f"A,{TS},10,nan,9,10.5,1\n", (), "line 3"),
    ("empty price", HEADER + GOOD + f"A,{TS},10,,9,10.5,1\n", (), "line 3"),
    ("high below low", HEADER + GOOD + f"A,{TS},10,8,9,10,1\n", (), "high is below low: line 3"),
    ("close outside", HEADER + GOOD + f"A,{TS},10,11,9,12,1\n", (), "close lies outside [low, high]: line 3"),
    ("zero", HEADER + GOOD + f"A,{TS},0,11,0,10,1\n", (), "zero or negative: line 3"),
    ("volume", HEADER + GOOD + f"A,{TS},10,11,9,10,-1\n", (), "volume is negative or infinite: line 3"),
    ("off grid", HEADER + GOOD + "A,2024-01-02T15:01:30Z,10,11,9,10,1\n", (), "not on the grid of 1m: line 3"),
    ("no symbol", HEADER + GOOD + f",{TS},10,11,9,10,1\n", (), "symbol is empty: line 3"),
    ("no bar", HEADER, (), "holds no bar"),
    ("no text", b"\xff\xfe\x00", (), "UTF-8"),
    ("no file", None, (), "no such file"),
    ("interval", HEADER + GOOD, ("--interval", "7m"), "'7m' is not known"),
    ("stamp", HEADER + GOOD, ("--stamp", "middle"), "open or its close"),
    ("speed", HEADER + GOOD, ("--speed", "fast"), "'fast' is not known"),
    ("feed", HEADER + GOOD, ("--feed", "x" * 200), "1 to 128 characters"),
    ("splits", HEADER + GOOD, ("--splits", "/none.csv"), "none.csv"),
]


def test_each_bad_file_is_refused_by_name_and_nothing_is_published(
    command: Command, topics: Settings, tmp_path: Path
) -> None:
    for number, (what, content, options, message) in enumerate(BAD):
        file = tmp_path / f"bars-{number}.csv"
        if content is not None:
            file.write_bytes(content.encode() if isinstance(content, str) else content)
        defaults = {"--interval": "1m", "--stamp": "close"} | dict(zip(options[::2], options[1::2], strict=True))
        answer = command("publish", file, *(part for option in defaults.items() for part in option))
        assert answer.code == 2, (what, answer)
        assert message in answer.err, (what, answer)
        assert answer.out == "", what
    parquet = tmp_path / "bars.parquet"
    parquet.write_bytes(b"PAR1 nothing")
    assert command("publish", parquet, "--interval", "1m", "--stamp", "close").code == 2
    assert command("publish", parquet.with_suffix(".xlsx"), "--interval", "1m", "--stamp", "close").code == 2
    assert command("publish", parquet, "--interval", "1m").code == 2, "the stamp has no default"
    assert {high for _, high in low_high_offsets(topics, TopicNames(topics.topics.prefix).bars).values()} == {0}


def test_simulated_bars_are_published_and_counted(command: Command, topics: Settings, tmp_path: Path) -> None:
    file = tmp_path / "market.csv"
    answer = command("simulate", "--out", file, "--symbols", 3, "--seed", 5)
    assert answer.code == 0
    lines = len(file.read_text().splitlines()) - 1
    assert f"{lines:,} simulated bars of 3 symbols" in answer.out
    assert command("simulate", "--out", tmp_path / "x.csv", "--interval", "2d").code == 2
    assert command("simulate", "--out", tmp_path / "x.txt", "--symbols", 1).code == 2
    text = command("publish", file, "--interval", "1m", "--stamp", "close")
    assert text.code == 0, text
    assert f"{lines:,} bars in " in text.out
    assert "feed market" in text.out
    assert sum(len(batch.symbols) for batch in published(topics)) == lines
    counts = json.loads(command("publish", file, "--interval", "1m", "--stamp", "close", "--json").out)
    assert counts["bars"] == lines
    assert sum(len(batch.symbols) for batch in published(topics)) == 2 * lines


def test_publish_without_topics_says_what_to_do(
    command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "bars.csv"
    file.write_text(HEADER + GOOD)
    monkeypatch.setenv("SIGNALTAPE_TOPICS", json.dumps({"prefix": "nowhere."}))
    for arguments in (
        ("publish", file, "--interval", "1m", "--stamp", "close"),
        ("signals", "tail", "--once"),
        ("alerts", "tail", "--once"),
        ("pause", "--reason", "test"),
    ):
        answer = command(*arguments)
        assert answer.code == 1, arguments
        assert "signaltape init" in answer.err


def test_signals_tail_shows_the_state_changes_notices_and_gaps(command: Command, writer: TransactionWriter) -> None:
    write(writer, 0, [signal("ACME", 0), signal("ACME", 1, CLOSE + SECOND, signal="flat", reason="fallback")])
    write(writer, 1, [notice(0, 1), Heartbeat(seq=1, partition=1, event_time=CLOSE), signal("GLOBEX", 5)], as_json=True)
    state = command("signals", "tail", "--once").out.splitlines()
    assert sum(line.startswith("·") for line in state) == 2, state
    assert "GAP  partition 1: messages 2 … 4 are missing" in state
    acme = next(line for line in state if "ACME" in line)
    assert acme.startswith("· 2023-11-14 22:14:01  ACME     flat  score +0.00400")
    assert "(fallback)" in acme
    whole = command("signals", "tail", "--once", "--start", "beginning")
    assert whole.code == 0
    lines = whole.out.splitlines()
    assert len(lines) == 5
    assert any(line.startswith("!") and "paused AAPL, MSFT on partition 1: by operator" in line for line in lines)
    assert "GAP  partition 1: messages 2 … 4 are missing" in lines
    rows = [
        json.loads(line)
        for line in command("signals", "tail", "--once", "--start", "beginning", "--json").out.splitlines()
    ]
    assert sorted(row["kind"] for row in rows) == ["Heartbeat", "Notice", "Signal", "Signal", "Signal", "gap"]
    assert {row["message"]["symbol"] for row in rows if row["kind"] == "Signal"} == {"ACME", "GLOBEX"}
    wrong = command("signals", "tail", "--start", "newest")
    assert wrong.code == 2
    assert "use one of" in wrong.err


def test_alerts_tail_shows_each_alert_once(command: Command, writer: TransactionWriter) -> None:
    write(writer, 0, [alert(1, message="IC below .02"), alert(1, message="IC below .02"), alert(2)])
    lines = command("alerts", "tail", "--once").out.splitlines()
    assert len(lines) == 2
    assert alert(1).severity in lines[0]
    assert "IC below .02" in lines[0]
    assert alert(1).suggested_action in lines[0]
    rows = [json.loads(line) for line in command("alerts", "tail", "--once", "--json").out.splitlines()]
    assert [row["alert_id"] for row in rows] == ["alert-1", "alert-2"]
    assert command("alerts", "tail", "--start", "current").code == 2


def test_pause_and_resume_are_written_without_postgres_and_say_who_has_not_received_them(
    command: Command, topics: Settings
) -> None:
    names = TopicNames(topics.topics.prefix)
    assert "run `signaltape init`" in command("pause", "--reason", "too early").err
    places = {(names.features, number): (0, initial()) for number in range(topics.topics.partitions)}
    ensure_group_offsets(topics, f"{topics.topics.prefix}signaltape-inference", places)
    missing = command("pause", "--reason", "earnings", "--symbols", "A, B", "--deadline-s", "0.5")
    assert (missing.code, missing.out) == (1, "")
    for number in range(topics.topics.partitions):
        assert f"{names.signals}[{number}] (owner not known)" in missing.err
    assert command("resume", "--reason", "over", "--deadline-s", "0.5").code == 1
    assert command("pause").code == 2, "a reason is needed"
    found = [decode(record.value) for record in read_topic(topics, names.control)]
    assert [(one.action, one.symbols, one.reason) for one in found if isinstance(one, ControlEvent)] == [
        ("pause", ("A", "B"), "earnings"),
        ("resume", (), "over"),
    ]


@pytest.fixture
def another_server() -> Iterator[int]:
    """A web server that is none of ours."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Silent)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()
    thread.join()


class _Silent(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"[1]")

    def log_message(self, format: str, *args: object) -> None:
        pass


def test_health_says_whether_a_service_can_serve_and_why_not(command: Command, another_server: int) -> None:
    health = Health()
    server = TelemetryServer("127.0.0.1", 0, health)
    starting = command("health", "--port", server.port)
    assert (starting.code, starting.out) == (1, "not ready\n  started: NOT ok (starting)\n")
    health.ready("started", True)
    assert command("health", "--port", server.port) == Answer(0, "ready\n  started: ok\n", "")
    health.ready("postgres", False, "is away")
    answer = command("health", "--port", server.port, "--json")
    assert answer.code == 1
    assert json.loads(answer.out)["checks"]["postgres"] == {"ok": False, "detail": "is away"}
    server.close()
    nobody = command("health", "--port", server.port)
    assert nobody.code == 1
    assert "nothing answers" in nobody.err
    stranger = command("health", "--port", another_server)
    assert stranger.code == 1
    assert "no service of signaltape" in stranger.err
    assert command("health", "--port", 0).code == 2
    assert command("health").code == 2


def test_the_same_as_a_process_of_its_own(topics: Settings, tmp_path: Path) -> None:
    """Through the real entry point: data on stdout, the reason on stderr, one line, no traceback."""
    file = tmp_path / "bars.csv"
    file.write_text(HEADER + GOOD + f"A,{TS},10,11,9,12,1\n")
    argv = [sys.executable, "-m", "signaltape", "publish", str(file), "--interval", "1m", "--stamp", "close"]
    done = subprocess.run(
        argv, env=process_environment(topics), capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("signaltape: ")
    assert len(done.stderr.strip().splitlines()) == 1
