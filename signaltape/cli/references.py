"""Models and strategies as people name them."""

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from infra.settings import Settings
    from pipeline.deployments import ModelRef
    from signaltape.promotion.history import Decisions


def parse_ref(text: str) -> tuple[str, int | None]:
    """Split NAME or NAME:VERSION."""
    name, colon, version = text.partition(":")
    if not colon:
        return name, None
    if not version.isdecimal():
        raise typer.BadParameter(f"{text!r}: give NAME or NAME:VERSION with a whole number")
    return name, int(version)


def registered(settings: "Settings", text: str) -> "ModelRef":
    """The model that ``text`` names, by default its newest version. Raises UnknownModel."""
    from infra.scoring.registry import ModelRegistry

    return ModelRegistry(settings).get(*parse_ref(text)).ref


def strategy_for(decisions: "Decisions", ref: "ModelRef", named: str) -> str:
    """The strategy named; else the only one there is, or the only one where a version of this name is live."""
    if named:
        return named
    known = sorted(decisions.successions)
    same = [name for name in known if any(one.name == ref.name for one in decisions.of(name).line[-1:])]
    for found in (known, same):
        if len(found) == 1:
            return found[0]
    listed = ", ".join(known) or "none yet: choose a name"
    raise typer.BadParameter(f"name the strategy with --strategy; there are: {listed}")
