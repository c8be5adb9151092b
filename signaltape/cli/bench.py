"""`signaltape bench`: speed on this machine, each figure beside a baseline of the same run where there is one."""

from collections.abc import Callable
from typing import Annotated, Any

import typer

from signaltape.cli.bench_backtests import run_backtest, run_replay, run_stored
from signaltape.cli.bench_output import print_figures
from signaltape.cli.bench_scene import bench_scene

app = typer.Typer(invoke_without_command=True)
_JSON = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.callback()
def bench(context: typer.Context, as_json: _JSON = False) -> None:
    """Measure engine, pipeline, bursts, storing, backfill, reading, swaps, backtests …; all without a sub-command."""
    if context.invoked_subcommand is None:
        print_figures({name: run() for name, run in _ALL.items()}, as_json)


@app.command()
def engine(as_json: _JSON = False) -> None:
    """The feature engine alone, on one core, snapshots on."""
    print_figures({"engine": _engine()}, as_json)


@app.command()
def single(as_json: _JSON = False) -> None:
    """Single bars from `bars-in` to `features`, beside a bare confluent-kafka loop."""
    print_figures({"single": _single()}, as_json)


@app.command()
def pipeline(as_json: _JSON = False) -> None:
    """The whole pipeline with persistence."""
    print_figures({"pipeline": _pipeline()}, as_json)


@app.command()
def latency(
    trees: Annotated[int, typer.Option(min=0, help="Trees of the model; 0: a linear one.")] = 0, as_json: _JSON = False
) -> None:
    """Bursts of 5,000 symbols: first produce() to the last signal in another process."""
    print_figures({"latency": _latency(trees)}, as_json)


@app.command()
def inference(as_json: _JSON = False) -> None:
    """Scoring alone: 5,000 rows of 30 features with 200 trees, beside a bare call and LightGBM's own."""
    print_figures({"inference": _inference()}, as_json)


@app.command()
def drift(as_json: _JSON = False) -> None:
    """Drift monitoring alone: CPU for a minute of 5,000 symbols and 10 models, memory through a year."""
    print_figures({"drift": _drift()}, as_json)


@app.command()
def store(as_json: _JSON = False) -> None:
    """Storing alone: whole rounds per table, beside psycopg's row-by-row COPY of the same rows."""
    print_figures({"store": _store()}, as_json)


@app.command()
def backfill(as_json: _JSON = False) -> None:
    """History in bulk: bars and features, and with returns beside."""
    print_figures({"backfill": _backfill()}, as_json)


@app.command()
def features(as_json: _JSON = False) -> None:
    """Reading features: point in time out of ten million rows, beside a naive join; the newest ones out of Redis."""
    print_figures({"features": _features()}, as_json)


@app.command()
def http(as_json: _JSON = False) -> None:
    """The HTTP API and get_signal, beside the model alone, a bare Redis read and a bare round trip."""
    print_figures({"http": _http()}, as_json)


def _http() -> dict[str, Any]:
    from signaltape.bench import http_api
    from signaltape.demo.console import Console

    console = Console()
    with bench_scene(console) as active:
        return http_api.run(active, console)


@app.command()
def swap(as_json: _JSON = False) -> None:
    """Model swaps: bars with one beside the others of the same run; promotion and rollback until they are served."""
    print_figures({"swap": _swap()}, as_json)


@app.command()
def backtest(
    stack: Annotated[bool, typer.Option(help="Also out of the store, on servers of its own.")] = True,
    as_json: _JSON = False,
) -> None:
    """Backtests: bars to signals alone, whole ones, their memory; beside NautilusTrader and backtesting.py."""
    print_figures({"backtest": run_backtest()} | ({"stored": run_stored()} if stack else {}), as_json)


@app.command()
def replay(as_json: _JSON = False) -> None:
    """A replay at full speed through broker and agents, beside the live pipeline on the same bars."""
    print_figures({"replay": run_replay()}, as_json)


def _features() -> dict[str, Any]:
    from signaltape.bench import feature_reads
    from signaltape.demo.console import Console

    console = Console()
    with bench_scene(console) as active, console.step("reading features"):
        return feature_reads.run(active.settings, console.say)


def _engine() -> dict[str, Any]:
    from signaltape.bench import engine as measured
    from signaltape.demo.console import Console

    console = Console()
    with console.step("feature engine alone"):
        return measured.run(progress=console.say)


def _single() -> dict[str, Any]:
    from signaltape.bench import single_bars
    from signaltape.demo.console import Console

    console = Console()
    with bench_scene(console) as active:
        return single_bars.run(active, console)


def _pipeline() -> dict[str, Any]:
    from signaltape.bench import pipeline as measured
    from signaltape.bench.prepared import running_pipeline
    from signaltape.demo.console import Console
    from signaltape.demo.parts import simulated_part

    console = Console()
    part = simulated_part(500, 7, 0.0)
    with bench_scene(console) as active, running_pipeline(active, [part], console):
        return measured.run(active, part, console)


def _inference() -> dict[str, Any]:
    from signaltape.bench import inference as measured
    from signaltape.demo.console import Console

    console = Console()
    with console.step("scoring alone"):
        return measured.run(console.say)


def _drift() -> dict[str, Any]:
    from signaltape.bench import drift as measured
    from signaltape.demo.console import Console

    console = Console()
    with console.step("drift monitoring alone"):
        return measured.run(console.say)


def _latency(trees: int = 0) -> dict[str, Any]:
    from signaltape.bench import burst
    from signaltape.bench.prepared import running_pipeline
    from signaltape.demo.console import Console
    from signaltape.demo.parts import simulated_part

    console = Console()
    everything = {"long": 0.0, "short": 0.0, "min_confidence": 0.0}
    with (
        bench_scene(console) as active,
        running_pipeline(active, [simulated_part(200, 7, 0.0)], console, parameters=everything, trees=trees),
    ):
        return {"trees": trees, **burst.run(active, "1m", console)}


def _store() -> dict[str, Any]:
    from signaltape.bench import store as measured
    from signaltape.demo.console import Console

    console = Console()
    with bench_scene(console) as active, console.step("storing alone"):
        return measured.run(active.settings, console.say)


def _backfill() -> dict[str, Any]:
    from signaltape.bench import backfill as measured
    from signaltape.demo.console import Console

    console = Console()
    with bench_scene(console) as active, console.step("history in bulk"):
        return measured.run(active.settings, console.say)


def _swap() -> dict[str, Any]:
    from signaltape.bench import swap as measured
    from signaltape.demo.console import Console

    console = Console()
    with bench_scene(console) as active:
        return measured.run(active, console)


_ALL: dict[str, Callable[[], dict[str, Any]]] = {
    "engine": _engine,
    "single": _single,
    "pipeline": _pipeline,
    "inference": _inference,
    "drift": _drift,
    "latency": _latency,
    "store": _store,
    "backfill": _backfill,
    "features": _features,
    "http": _http,
    "swap": _swap,
    "backtest": run_backtest,
    "stored": run_stored,
    "replay": run_replay,
}
