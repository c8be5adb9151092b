"""The comparison as one act: compute, judge, record."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from infra.settings import Settings
from infra.warehouse.connection import Warehouse
from infra.warehouse.model_comparisons import Comparison, add_comparison
from infra.who import current_user
from pipeline.comparison.paired import Paired, compare
from pipeline.comparison.verdict import NO_CHAMPION, ComparisonRules, Verdict, judge
from pipeline.deployments import ModelRef
from signaltape.comparison.material import Material


@dataclass(frozen=True, kw_only=True, slots=True)
class Compared:
    """A verdict and what it rests on; ``paired`` None: no model was live. ``comparison_id`` is that of its record."""

    challenger: ModelRef
    champion: ModelRef | None
    verdict: Verdict
    paired: Paired | None
    source: str
    comparison_id: int

    def document(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "comparison_id": self.comparison_id,
            "challenger": str(self.challenger),
            "champion": None if self.champion is None else str(self.champion),
            "source": self.source,
            **_detail(self.verdict, self.paired),
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """A verdict that is not recorded yet, and what it rests on."""

    verdict: Verdict
    paired: Paired
    rules: ComparisonRules

    def detail(self) -> dict[str, Any]:
        """Plain values, as the record keeps them."""
        return {**_detail(self.verdict, self.paired), "rules": asdict(self.rules)}


def verdict_of(settings: Settings, material: Material) -> Judged:
    """Compare two models over ``material`` and judge by the setting `comparison`."""
    rules = settings.comparison.rules()
    paired = compare(material.answers, material.horizon, confidence=rules.confidence)
    return Judged(verdict=judge(paired, rules, material.doubts), paired=paired, rules=rules)


def compare_models(
    settings: Settings, challenger: ModelRef, champion: ModelRef, material: Material, strategy: str = ""
) -> Compared:
    """Compare two models over ``material``, judge by the setting `comparison`, and record what came out."""
    found = verdict_of(settings, material)
    verdict, paired = found.verdict, found.paired
    times = material.answers.event_time
    record = Comparison(
        challenger=challenger,
        champion=champion,
        strategy=strategy,
        source=material.source,
        data=material.data,
        data_from=int(times[0]),
        data_to=int(times[-1]),
        decision=verdict.decision,
        detail=found.detail(),
        by_whom=current_user(),
    )
    return Compared(
        challenger=challenger,
        champion=champion,
        verdict=verdict,
        paired=paired,
        source=material.source,
        comparison_id=_record(settings, record),
    )


def nothing_live(settings: Settings, challenger: ModelRef, strategy: str) -> Compared:
    """Record that ``challenger`` has nothing to be compared with: that means promote."""
    record = Comparison(
        challenger=challenger,
        champion=None,
        strategy=strategy,
        source="none",
        data="",
        data_from=None,
        data_to=None,
        decision=NO_CHAMPION.decision,
        detail=_detail(NO_CHAMPION, None),
        by_whom=current_user(),
    )
    number = _record(settings, record)
    return Compared(
        challenger=challenger, champion=None, verdict=NO_CHAMPION, paired=None, source="none", comparison_id=number
    )


def _record(settings: Settings, record: Comparison) -> int:
    with Warehouse(settings, "signaltape-compare") as warehouse:
        return warehouse.run(lambda connection: add_comparison(connection, record))


def _detail(verdict: Verdict, paired: Paired | None) -> Mapping[str, Any]:
    found: dict[str, Any] = {**asdict(verdict), "metrics": []}
    if paired is not None:
        found |= {
            "rows": paired.rows,
            "times": paired.blocks.times,
            "block": paired.blocks.length,
            "confidence": paired.confidence,
            "undefined": list(paired.undefined),
            "metrics": [{**asdict(one), "outcome": one.outcome} for one in paired.differences],
        }
    return found
