"""The command line: one table of sub-commands, each loaded only when it is called.

A line of `COMMANDS` is a name, where the command lives and one line of help, so that `signaltape --help` imports
nothing but this. The target is a function (a command) or a `typer.Typer` (a group of commands) in its module.
Data goes to stdout, progress and logs to stderr.
"""

import importlib
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from signaltape import __version__


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One sub-command: `target` is `module:attribute`; `sets`: it uses feature sets, those from outside included."""

    name: str
    target: str
    help: str
    panel: str = "Commands"
    sets: bool = False


_RUN, _DATA, _MODELS, _WATCH = (
    "Start here, run and stop",
    "Bars and features",
    "Models and signals",
    "Watch and repair",
)

COMMANDS: tuple[Entry, ...] = (
    Entry(name="demo", target="signaltape.cli.demo:demo", panel=_RUN, help="Run bars through everything, report."),
    Entry(name="up", target="signaltape.cli.stack:up", panel=_RUN, help="Start the local stack."),
    Entry(name="down", target="signaltape.cli.stack:down", panel=_RUN, help="Stop the local stack."),
    Entry(name="status", target="signaltape.cli.stack:status", panel=_RUN, help="Show the local stack."),
    Entry(name="doctor", target="signaltape.cli.stack:doctor", panel=_RUN, help="Check this machine and settings."),
    Entry(
        name="prometheus",
        target="signaltape.cli.prometheus:prometheus",
        panel=_WATCH,
        help="Run Prometheus with the alert rules.",
    ),
    Entry(name="init", target="signaltape.cli.init:init", panel=_RUN, help="Create topics, tables and offsets."),
    Entry(name="run", target="signaltape.cli.run:run", panel=_RUN, help="Run one service, or all of them."),
    Entry(name="config", target="signaltape.cli.config:app", panel=_RUN, help="Show settings and their sources."),
    Entry(name="publish", target="signaltape.cli.publish:publish", panel=_DATA, help="Publish bars from a file."),
    Entry(name="backfill", target="signaltape.cli.backfill:backfill", panel=_DATA, help="Load history in bulk."),
    Entry(name="export", target="signaltape.cli.export:export", panel=_DATA, help="Write stored bars to a file."),
    Entry(
        name="replay",
        target="signaltape.cli.replay:app",
        panel=_DATA,
        help="Replay history, apart from what is live.",
        sets=True,
    ),
    Entry(name="simulate", target="signaltape.cli.simulate:simulate", panel=_DATA, help="Make a seeded market."),
    Entry(
        name="features", target="signaltape.cli.features:app", panel=_DATA, help="List, compute, check, read features."
    ),
    Entry(name="quality", target="signaltape.cli.quality:app", panel=_DATA, help="Report what is odd about bars."),
    Entry(name="online", target="signaltape.cli.online:app", panel=_DATA, help="Check or rebuild the online store."),
    Entry(
        name="dataset",
        target="signaltape.cli.dataset:app",
        panel=_MODELS,
        help="Build, verify, validate or share training sets.",
        sets=True,
    ),
    Entry(
        name="backtest",
        target="signaltape.cli.backtest:backtest",
        panel=_MODELS,
        help="Run history through the live flow, trade the signals.",
        sets=True,
    ),
    Entry(
        name="train",
        target="signaltape.cli.train:train",
        panel=_MODELS,
        help="Train and register a model.",
        sets=True,
    ),
    Entry(name="runs", target="signaltape.cli.runs:app", panel=_MODELS, help="List and compare training runs."),
    Entry(
        name="models",
        target="signaltape.cli.models:app",
        panel=_MODELS,
        help="List, show, register, compare, promote models.",
        sets=True,
    ),
    Entry(
        name="experiments",
        target="signaltape.cli.experiments:app",
        panel=_MODELS,
        help="Test a model against the live one.",
        sets=True,
    ),
    Entry(
        name="verify",
        target="signaltape.cli.verify:verify",
        panel=_MODELS,
        help="Prove that the log gives what was recorded.",
        sets=True,
    ),
    Entry(
        name="explain",
        target="signaltape.cli.explain:explain",
        panel=_MODELS,
        help="Explain a signal, or why there was none.",
        sets=True,
    ),
    Entry(
        name="pipeline",
        target="signaltape.cli.model_pipeline:app",
        panel=_MODELS,
        help="Take a model from data to staging.",
        sets=True,
    ),
    Entry(
        name="retrain",
        target="signaltape.cli.retrain:app",
        panel=_MODELS,
        help="Make a model anew if monitoring says so.",
        sets=True,
    ),
    Entry(name="signals", target="signaltape.cli.signals:app", panel=_MODELS, help="Follow signals."),
    Entry(name="alerts", target="signaltape.cli.alerts:app", panel=_MODELS, help="List and follow alerts."),
    Entry(name="guard", target="signaltape.cli.guard:app", panel=_MODELS, help="Steps on alerts, vetoes, drill."),
    Entry(name="pause", target="signaltape.cli.control:pause", panel=_MODELS, help="Stop signals."),
    Entry(name="resume", target="signaltape.cli.control:resume", panel=_MODELS, help="Let signals through again."),
    Entry(
        name="parameters",
        target="signaltape.cli.control:app",
        panel=_MODELS,
        help="Change thresholds, windows, symbol lists.",
    ),
    Entry(name="daily", target="signaltape.cli.daily:daily", panel=_WATCH, help="Report on one day.", sets=True),
    Entry(
        name="maturity",
        target="signaltape.cli.maturity:maturity",
        panel=_WATCH,
        help="Assess how models are worked with.",
    ),
    Entry(name="health", target="signaltape.cli.health:health", panel=_WATCH, help="Is a service ready?"),
    Entry(
        name="reconcile",
        target="signaltape.cli.reconcile:reconcile",
        panel=_WATCH,
        help="Compare log and tables.",
        sets=True,
    ),
    Entry(
        name="drift",
        target="signaltape.cli.drift:app",
        panel=_WATCH,
        help="Revise drift metrics, compare policies.",
    ),
    Entry(name="corrections", target="signaltape.cli.corrections:app", panel=_WATCH, help="List corrections."),
    Entry(name="repair", target="signaltape.cli.repair:repair", panel=_WATCH, help="Accept a changed topic or table."),
    Entry(name="acls", target="signaltape.cli.acls:acls", panel=_WATCH, help="Kafka rights of each role."),
    Entry(name="audit", target="signaltape.cli.audit:app", panel=_WATCH, help="Who changed something over HTTP."),
    Entry(
        name="backup",
        target="signaltape.cli.backup:app",
        panel=_WATCH,
        help="Back up Kafka and Postgres together, restore, rehearse.",
        sets=True,
    ),
    Entry(name="bench", target="signaltape.cli.bench:app", panel=_WATCH, help="Measure speed on this machine."),
)


class LazyGroup(TyperGroup):
    """A group whose sub-commands are lines of `COMMANDS` until one of them is called."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Names in the table's order."""
        return [entry.name for entry in COMMANDS]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command itself if it is about to run, a stand-in with its help line otherwise."""
        entry = next((entry for entry in COMMANDS if entry.name == cmd_name), None)
        if entry is None:
            return None
        return load(entry) if ctx.meta.get(_CALLED) == cmd_name else stand_in(entry)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the sub-command that is called, and only then load its module."""
        ctx.meta[_CALLED] = args[0] if args else None
        return super().resolve_command(ctx, args)


_CALLED = "signaltape.called"


def load(entry: Entry) -> Any:
    """Import the module of an entry and make its command; feature sets from outside are there before it runs."""
    if entry.sets:
        from signaltape.extensions import load_feature_sets

        load_feature_sets()
    module, _, attribute = entry.target.partition(":")
    target = getattr(importlib.import_module(module), attribute)
    if not isinstance(target, typer.Typer):
        group = typer.Typer(add_completion=False)
        group.command(entry.name, help=None if target.__doc__ else entry.help)(target)
        target = group
    command = typer.main.get_command(target)
    command.name = entry.name
    return command


def stand_in(entry: Entry) -> Any:
    """A command with the table's help line, for `--help` and completion."""
    group = typer.Typer(add_completion=False)
    group.command(entry.name, help=entry.help, rich_help_panel=entry.panel)(lambda: None)
    return typer.main.get_command(group)


app = typer.Typer(
    cls=LazyGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"max_content_width": 110},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"signaltape {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Market bars to trading signals over one replayable log, with the models that make them under watch."""
