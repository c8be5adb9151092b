"""Every check of every feature set at hand, those that packages only announce included."""

from dataclasses import dataclass

from infra.errors import OperatorError
from infra.settings import load_settings
from pipeline.feature_checks import Finding
from pipeline.features import FEATURE_SETS
from pipeline.lookahead import Verdict, check_lookahead, engine_subject, sample_facts
from signaltape.extensions import announced_sets, check_extension


class UnknownFeatureSetError(OperatorError):
    """No such feature set; the message names those that exist."""

    exit_code = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckReport:
    """``verdicts``: one per feature and label, on the future; ``findings``: (set, what else it doesn't hold)."""

    verdicts: tuple[Verdict, ...]
    findings: tuple[tuple[str, Finding], ...]

    @property
    def passed(self) -> bool:
        """True if nothing failed."""
        return not self.findings and all(verdict.passed for verdict in self.verdicts)


def check_sets(name: str | None, *, seed: int, cuts: int) -> CheckReport:
    """Check one set or all, and the returns over every configured horizon, over seeded bars.

    Sets that break a rule of the source or a declaration are reported, not refused. Raises UnknownFeatureSetError.
    """
    table = {**FEATURE_SETS, **{one.name: one for one in announced_sets()}}
    if name is not None and name not in table:
        raise UnknownFeatureSetError(f"{name!r} is not a feature set; sets: {', '.join(table)}")
    sets = tuple(one for one in table.values() if name in (None, one.name))
    findings = tuple((one.name, finding) for one in sets for finding in check_extension(one))
    facts = sample_facts(seed, bars=max(one.warm_up for one in sets) + 90)
    subject = engine_subject(sets, load_settings().engine.horizons)
    return CheckReport(verdicts=check_lookahead(subject, facts, seed=seed, cuts=cuts), findings=findings)
