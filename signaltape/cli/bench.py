"""`signaltape bench`: speed on this machine, each figure beside a baseline of the same run where there is one."""

import json
import os
import pathlib
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from signaltape.demo.console import Console
    from signaltape.demo.scene import Scene

app = typer.Typer(invoke_without_command=True)
_JSON = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.callback()
def bench(context: typer.Context, as_json: _JSON = False) -> None:
    """Measure engine, single bars, pipeline, bursts, storing, backfill, reading, swaps; all without a sub-command."""
    if context.invoked_subcommand is None:
        _print({name: run() for name, run in _ALL.items()}, as_json)


@app.command()
def engine(as_json: _JSON = False) -> None:
    """The feature engine alone, on one core, snapshots on."""
    _print({"engine": _engine()}, as_json)


@app.command()
def single(as_json: _JSON = False) -> None:
    """Single bars from `bars-in` to `features`, beside a bare confluent-kafka loop."""
    _print({"single": _single()}, as_json)


@app.command()
def pipeline(as_json: _JSON = False) -> None:
    """The whole pipeline with persistence."""
    _print({"pipeline": _pipeline()}, as_json)


@app.command()
def latency(
    trees: Annotated[int, typer.Option(min=0, help="Trees of the model; 0: a linear one.")] = 0, as_json: _JSON = False
) -> None:
    """Bursts of 5,000 symbols: first produce() to the last signal in another process."""
    _print({"latency": _latency(trees)}, as_json)


@app.command()
def inference(as_json: _JSON = False) -> None:
    """Scoring alone: 5,000 rows of 30 features with 200 trees, beside a bare call and LightGBM's own."""
    _print({"inference": _inference()}, as_json)


@app.command()
def drift(as_json: _JSON = False) -> None:
    """Drift monitoring alone: CPU for a minute of 5,000 symbols and 10 models, memory through a year."""
    _print({"drift": _drift()}, as_json)


@app.command()
def store(as_json: _JSON = False) -> None:
    """Storing alone: whole rounds per table, beside psycopg's row-by-row COPY of the same rows."""
    _print({"store": _store()}, as_json)


@app.command()
def backfill(as_json: _JSON = False) -> None:
    """History in bulk: bars and features, and with returns beside."""
    _print({"backfill": _backfill()}, as_json)


@app.command()
def features(as_json: _JSON = False) -> None:
    """Reading features: point in time out of ten million rows, beside a naive join; the newest ones out of Redis."""
    _print({"features": _features()}, as_json)


@app.command()
def http(as_json: _JSON = False) -> None:
    """The HTTP API and get_signal, beside the model alone, a bare Redis read and a bare round trip."""
    _print({"http": _http()}, as_json)


def _http() -> dict[str, Any]:
    from signaltape.bench import http_api
    from signaltape.demo.console import Console

    console = Console()
    with _scene(console) as active:
        return http_api.run(active, console)


@app.command()
def swap(as_json: _JSON = False) -> None:
    """Model swaps: bars with one beside the others of the same run; promotion and rollback until they are served."""
    _print({"swap": _swap()}, as_json)


def _features() -> dict[str, Any]:
    from signaltape.bench import feature_reads
    from signaltape.demo.console import Console

    console = Console()
    with _scene(console) as active, console.step("reading features"):
        return feature_reads.run(active.settings, console.say)


def _engine() -> dict[str, Any]:
    from signaltape.bench import engine as measured
    from signaltape.demo.console import Console

    console = Console()
    with console.step("feature engine alone"):
        return measured.run(progress=console.say)


@contextmanager
def _scene(console: "Console") -> Iterator["Scene"]:
    from infra.settings import load_settings
    from signaltape.demo.scene import scene
    from signaltape.initialisation import initialise

    with scene(load_settings().home, console) as active:
        with console.step("creating topics and tables"):
            initialise(active.settings)
        yield active


def _single() -> dict[str, Any]:
    from signaltape.bench import single_bars
    from signaltape.demo.console import Console

    console = Console()
    with _scene(console) as active:
        return single_bars.run(active, console)


def _pipeline() -> dict[str, Any]:
    from signaltape.bench import pipeline as measured
    from signaltape.bench.prepared import running_pipeline
    from signaltape.demo.console import Console
    from signaltape.demo.parts import simulated_part

    console = Console()
    part = simulated_part(500, 7, 0.0)
    with _scene(console) as active, running_pipeline(active, [part], console):
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
        _scene(console) as active,
        running_pipeline(active, [simulated_part(200, 7, 0.0)], console, parameters=everything, trees=trees),
    ):
        return {"trees": trees, **burst.run(active, "1m", console)}


def _store() -> dict[str, Any]:
    from signaltape.bench import store as measured
    from signaltape.demo.console import Console

    console = Console()
    with _scene(console) as active, console.step("storing alone"):
        return measured.run(active.settings, console.say)


def _backfill() -> dict[str, Any]:
    from signaltape.bench import backfill as measured
    from signaltape.demo.console import Console

    console = Console()
    with _scene(console) as active, console.step("history in bulk"):
        return measured.run(active.settings, console.say)


def _swap() -> dict[str, Any]:
    from signaltape.bench import swap as measured
    from signaltape.demo.console import Console

    console = Console()
    with _scene(console) as active:
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
}


def _print(figures: dict[str, Any], as_json: bool) -> None:
    machine = {
        "python": platform.python_version(),
        "cores": len(os.sched_getaffinity(0)),
        "processor": _processor(),
    }
    if as_json:
        typer.echo(json.dumps({"machine": machine, **figures}, indent=2))
        return
    from signaltape.bench.rendering import render

    typer.echo(render(machine, figures))


def _processor() -> str:
    with pathlib.Path("/proc/cpuinfo").open(encoding="utf-8") as stream:
        return next((line.split(":", 1)[1].strip() for line in stream if line.startswith("model name")), "unknown")
