"""From evidence and answers to levels and averages. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from signaltape.maturity.questions import Area, Question

_WEAKEST = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """``level`` None: nobody answered. ``source``: evidence, said or none; ``detail`` is what it rests on."""

    id: str
    text: str
    level: int | None
    source: str
    detail: str


@dataclass(frozen=True, kw_only=True, slots=True)
class AreaResult:
    """``average`` over the questions that have an answer, None if none has."""

    name: str
    title: str
    advice: str
    average: float | None
    answers: Sequence[Answer]

    @property
    def answered(self) -> int:
        """How many questions have an answer."""
        return sum(one.level is not None for one in self.answers)


@dataclass(frozen=True, kw_only=True, slots=True)
class Assessment:
    """``average`` is that of the areas' averages. ``ignored``: said of questions that evidence answers otherwise."""

    average: float | None
    areas: Sequence[AreaResult]
    ignored: Sequence[str]

    @property
    def weakest(self) -> list[AreaResult]:
        """The three areas with the lowest average; those without an answer are not judged."""
        judged = [one for one in self.areas if one.average is not None]
        return sorted(judged, key=lambda one: one.average or 0.0)[:_WEAKEST]

    def document(self) -> dict[str, Any]:
        """Plain values."""
        weakest = [{"area": one.name, "average": one.average, "advice": one.advice, "questions": weak_points(one)}
                   for one in self.weakest]  # fmt: skip
        return {**asdict(self), "weakest": weakest}


def weak_points(area: AreaResult) -> list[str]:
    """Ids of the questions at the lowest level that was found in an area."""
    levels = [one.level for one in area.answers if one.level is not None]
    return [one.id for one in area.answers if one.level is not None and one.level == min(levels)]


def assess(areas: Sequence[Area], measures: Mapping[str, float | None], said: Mapping[str, int]) -> Assessment:
    """Judge every area. What the system knows counts before what is said of it: a claim doesn't replace a record."""
    results = [_area(area, measures, said) for area in areas]
    known = {one.id: one for result in results for one in result.answers if one.source == "evidence"}
    ignored = [f"{name}: {level} was said, the evidence is {known[name].level}" for name, level in sorted(said.items())
               if name in known and known[name].level != level]  # fmt: skip
    averages = [one.average for one in results if one.average is not None]
    return Assessment(average=sum(averages) / len(averages) if averages else None, areas=results, ignored=ignored)


def unanswered(areas: Sequence[Area], measures: Mapping[str, float | None], said: Mapping[str, int]) -> list[Question]:
    """Questions that neither evidence nor anybody has answered."""
    return [one for area in areas for one in area.questions if measures.get(one.measure) is None and one.id not in said]


def _area(area: Area, measures: Mapping[str, float | None], said: Mapping[str, int]) -> AreaResult:
    answers = [_answer(one, measures, said) for one in area.questions]
    levels = [one.level for one in answers if one.level is not None]
    average = sum(levels) / len(levels) if levels else None
    return AreaResult(name=area.name, title=area.title, advice=area.advice, average=average, answers=answers)


def _answer(one: Question, measures: Mapping[str, float | None], said: Mapping[str, int]) -> Answer:
    value = measures.get(one.measure) if one.measure else None
    if value is not None:
        detail = f"{one.measure} = {value:g}; levels from {', '.join(f'{limit:g}' for limit in one.thresholds)}"
        return Answer(id=one.id, text=one.text, level=one.level(value), source="evidence", detail=detail)
    if one.id in said:
        return Answer(id=one.id, text=one.text, level=said[one.id], source="said", detail="")
    why = f"{one.measure}: nothing to count yet" if one.measure else "only people can answer it"
    return Answer(id=one.id, text=one.text, level=None, source="none", detail=why)
