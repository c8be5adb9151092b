"""`signaltape backtest`: what is refused and how, and what is printed."""

import json
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from infra.warehouse.moments import to_moment
from signaltape.__main__ import main
from tests.support.bar_file import bar_file, stamps
from tests.support.linear_models import write_linear_model

FILE = ("--source", "BARS", "--interval", "1m", "--stamp", "close")
MODEL = ("--model", "MODEL")

#: Options, the exit code, and what the message says.
BAD = {
    "neither model nor live": (FILE, 2, "give one of --model"),
    "both": ((*MODEL, "--as-live", *FILE), 2, "give one of --model"),
    "commission below zero": ((*MODEL, *FILE, "--commission-bps", "-1"), 2, "commission_bps -1.0 must be finite and 0"),
    "slippage below zero": ((*MODEL, *FILE, "--slippage-bps", "-0.5"), 2, "slippage_bps -0.5"),
    "slippage of everything": ((*MODEL, *FILE, "--slippage-bps", "10000"), 2, "leaves no price to sell at"),
    "no capital": ((*MODEL, *FILE, "--capital", "0"), 2, "capital 0.0 must be finite and above 0"),
    "capital that is no number": ((*MODEL, *FILE, "--capital", "nan"), 2, "capital nan"),
    "no session a year": ((*MODEL, *FILE, "--sessions-a-year", "0"), 2, "--sessions-a-year"),
    "unknown fill": ((*MODEL, *FILE, "--fill", "close"), 2, "fill 'close' is unknown"),
    "unknown sides": ((*MODEL, *FILE, "--sides", "up"), 2, "sides 'up' is unknown"),
    "weight above its limit": ((*MODEL, *FILE, "--weight", "0.5", "--max-weight", "0.2"), 2, "above max_weight"),
    "no interval": ((*MODEL, "--source", "BARS", "--stamp", "close"), 2, "give --interval and --stamp"),
    "no stamp": ((*MODEL, "--source", "BARS", "--interval", "1m"), 2, "give --interval and --stamp"),
    "a stamp for the store": ((*MODEL, "--stamp", "close"), 2, "belong to a file"),
    "no such file": ((*MODEL, "--source", "nowhere.csv"), 2, "neither store nor topic, and no such file"),
    "naive time": ((*MODEL, *FILE, "--from", "2024-01-01T00:10:00"), 2, "--from '2024-01-01T00:10:00'"),
    "no time": ((*MODEL, *FILE, "--to", "yesterday"), 2, "--to 'yesterday'"),
    "empty range": ((*MODEL, *FILE, "--from", "2030-01-01T00:00:00Z"), 1, "no bar closes in the range"),
    "range backwards": (
        (*MODEL, *FILE, "--from", "2024-01-01T00:30:00Z", "--to", "2024-01-01T00:10:00Z"), 2,
        "--to 2024-01-01T00:10:00Z lies before --from",
    ),
    "a file as live": (("--as-live", *FILE), 1, "a file has no record of what was live"),
    "another interval than the model's": (
        (*MODEL, "--source", "BARS", "--interval", "5m", "--stamp", "close"), 1, "predicts from bars of 1m, 1d",
    ),
    "an unknown interval": (("--as-live", "--interval", "7m"), 2, "--interval '7m' is not known; use 1s"),
    "no interval as live": (("--as-live",), 2, "say which bars are traded with --interval"),
    "version that is no number": (("--model", "linear:new", *FILE), 2, "give NAME, NAME:VERSION, or the folder"),
    "a folder without a model": (("--model", "EMPTY", *FILE), 1, "no model there"),
    "a folder with something in it": ((*MODEL, *FILE, "--out", "FULL"), 1, "is not empty (old.txt)"),
}  # fmt: skip


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("backtest")
    for name in ("empty", "full"):
        (folder / name).mkdir()
    (folder / "full" / "old.txt").write_text("of an earlier one")
    write_linear_model(folder / "model", weights={"logret_1": -0.5})
    return {
        "BARS": str(bar_file(folder, "parquet")),
        "MODEL": str(folder / "model"),
        "EMPTY": str(folder / "empty"),
        "FULL": str(folder / "full"),
    }


@pytest.fixture
def call(
    files: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> "Call":
    monkeypatch.setenv("SIGNALTAPE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SIGNALTAPE_POSTGRES__DSN", "postgresql://nobody@127.0.0.1:1/none")
    return Call(files, monkeypatch, capsys)


class Call:
    """The command in this process: its exit code and both outputs."""

    def __init__(self, files: dict[str, str], patch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._files, self._patch, self._capsys = files, patch, capsys

    def __call__(self, *options: str) -> tuple[int, str, str]:
        words = [self._files.get(one, one) for one in options]
        self._patch.setattr(sys, "argv", ["signaltape", "backtest", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        said = self._capsys.readouterr()
        return int(ended.value.code or 0), said.out, " ".join(said.err.replace("│", " ").split())


@pytest.mark.parametrize("name", BAD)
def test_refused(call: Call, tmp_path: Path, name: str) -> None:
    options, code, message = BAD[name]
    out = () if "--out" in options else ("--out", str(tmp_path / "out"))
    found, printed, said = call(*options, *out)
    assert found == code, said
    assert message in said
    assert printed == ""
    assert not list(tmp_path.rglob("*.parquet")), "half a result"
    assert not list(tmp_path.rglob("*.part"))
    assert not (tmp_path / "out").exists()


def test_a_summary_for_people_and_files_beside_it(call: Call, tmp_path: Path) -> None:
    out = tmp_path / "out"
    code, printed, said = call(*MODEL, *FILE, "--out", str(out))
    assert code == 0, said
    assert "Backtest of linear-test:1" in printed
    assert "does not say what it was trained on" in printed
    assert str(out) in printed
    assert sorted(path.name for path in out.iterdir()) == [
        "equity.parquet", "fills.parquet", "positions.parquet", "report.html", "result.json", "signals.parquet",
        "trades.parquet",
    ]  # fmt: skip


def test_json_is_the_result_and_the_range_is_kept(call: Call, tmp_path: Path) -> None:
    out = tmp_path / "out"
    begin, end = (to_moment(stamps(at)["event_time"]).isoformat() for at in (25, 40))
    code, printed, said = call(*MODEL, *FILE, "--from", begin, "--to", end, "--no-signals", "--json", "--out", str(out))
    assert code == 0, said
    found = json.loads(printed)
    assert found == json.loads((out / "result.json").read_text())
    assert not (out / "signals.parquet").exists()
    times = pq.read_table(out / "equity.parquet")["event_time"].cast(pa.int64()).to_pylist()
    assert times == [stamps(at)["event_time"] for at in range(25, 41)]
    assert found["counts"]["lead_in"] > 0
    assert found["metrics"]["trades"]["value"] > 0
