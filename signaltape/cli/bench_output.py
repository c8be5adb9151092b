"""Figures of `signaltape bench` on the terminal, with the machine that they were measured on."""

import json
import os
import pathlib
import platform
from typing import Any

import typer


def print_figures(figures: dict[str, Any], as_json: bool) -> None:
    """Print as JSON, or as text."""
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
