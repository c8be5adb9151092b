"""The questions, out of ``questions.toml``."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

#: What a level means, whatever the question.
LEVELS = ("not done", "done by hand, sometimes", "done as a rule", "always done, and automatic")


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """``id`` is ``<area>.<name>``. ``measure``: what answers it, "" if nobody but people can; its three thresholds."""

    id: str
    text: str
    measure: str = ""
    thresholds: Sequence[float] = ()

    def level(self, value: float) -> int:
        """The level that a measure reaches."""
        return sum(value >= one for one in self.thresholds)


@dataclass(frozen=True, kw_only=True, slots=True)
class Area:
    """One area with its ten questions, and what to do where it is weak."""

    name: str
    title: str
    advice: str
    questions: Sequence[Question]


@cache
def areas() -> tuple[Area, ...]:
    """All areas, in order."""
    text = resources.files("signaltape.maturity").joinpath("questions.toml").read_text()
    return tuple(
        Area(
            name=one["name"],
            title=one["title"],
            advice=one["advice"],
            questions=[_question(one["name"], *row) for row in one["questions"]],
        )
        for one in tomllib.loads(text)["area"]
    )


def _question(area: str, name: str, text: str, measure: str = "", thresholds: Sequence[float] = ()) -> Question:
    return Question(id=f"{area}.{name}", text=text, measure=measure, thresholds=tuple(thresholds))
