"""What came of checking data against a suite: as JSON, as a page, as lines."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from signaltape.reports.page import Section, Table, page
from signaltape.validation.expectation import Answer, Expectation, ValidationError, ask
from signaltape.validation.frame import LABEL, Frame
from signaltape.validation.suite import Suite

VALIDATION_FILE, VALIDATION_PAGE = "validation.json", "validation.html"
_FORMAT = 1
_QUANTILES = {"q01": 0.01, "median": 0.5, "q99": 0.99}


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """An expectation and the answer to it."""

    expectation: Expectation
    answer: Answer

    @property
    def verdict(self) -> str:
        """passed, failed, warning (it failed, and isn't critical) or not applicable."""
        if self.answer.held is None:
            return "not applicable"
        if self.answer.held:
            return "passed"
        return "failed" if self.expectation.severity == "critical" else "warning"

    def line(self) -> str:
        """For people."""
        subject = f" of {self.expectation.column}" if self.expectation.column else ""
        return f"{self.expectation.kind}{subject}: {self.answer.detail}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Validation:
    """``fingerprint`` of the data, ``statistics`` by column, and a finding for each expectation of ``suite``."""

    fingerprint: str
    rows: int
    suite: Suite
    statistics: Mapping[str, Mapping[str, float]]
    findings: tuple[Finding, ...]

    def of(self, verdict: str) -> tuple[Finding, ...]:
        """The findings with this verdict."""
        return tuple(one for one in self.findings if one.verdict == verdict)

    @property
    def passed(self) -> bool:
        """No critical expectation failed."""
        return not self.of("failed")

    def raise_if_failed(self) -> None:
        """Raise ValidationError naming the critical expectations that failed."""
        failed = self.of("failed")
        if failed:
            more = f" (and {len(failed) - 3} more)" if len(failed) > 3 else ""
            raise ValidationError(
                f"the data fails {len(failed)} critical check{'s' * (len(failed) > 1)}: "
                + "; ".join(one.line() for one in failed[:3])
                + f"{more}. Nothing was trained on it; `signaltape dataset validate` shows all checks of a dataset"
            )

    def document(self) -> dict[str, Any]:
        """Plain values."""
        suite = self.suite
        return {
            "format": _FORMAT,
            "passed": self.passed,
            "rows": self.rows,
            "fingerprint": self.fingerprint,
            "suite": {"name": suite.name, "version": suite.version, "sha256": suite.sha256},
            "failed": [one.line() for one in self.of("failed")],
            "warnings": [one.line() for one in self.of("warning")],
            "findings": [
                {
                    **one.expectation.document(),
                    "verdict": one.verdict,
                    "detail": one.answer.detail,
                    "found": dict(one.answer.figures),
                }
                for one in self.findings
            ],
            "statistics": {name: dict(values) for name, values in self.statistics.items()},
        }

    def to_json(self) -> bytes:
        """The file's content."""
        return (json.dumps(self.document(), indent=2, allow_nan=False) + "\n").encode()

    def to_html(self) -> bytes:
        """The same for people: what failed first."""
        order = ("failed", "warning", "passed", "not applicable")
        rows = [
            (one.verdict, one.expectation.severity, one.expectation.column or "all rows", one.expectation.kind,
             one.answer.detail)
            for verdict in order
            for one in self.of(verdict)
        ]  # fmt: skip
        names = ("rows", "share known", "mean", "deviation", "least", *_QUANTILES, "most")
        figures = [(name, *(values.get(one) for one in names[1:])) for name, values in self.statistics.items()]
        count = {verdict: len(self.of(verdict)) for verdict in order}
        summary = f"{count['passed']} passed, {count['failed']} failed, {count['warning']} warnings"
        return page(
            f"Data validation: {'passed' if self.passed else 'failed'}",
            f"{self.rows:,} rows against the suite {self.suite.name}, version {self.suite.version}; {summary}; "
            f"data {self.fingerprint[:16]}",
            [
                Section(title="Checks", content=[Table(head=("", "severity", "column", "check", "found"), rows=rows)]),
                Section(title="Statistics", content=[Table(head=("column", *names[1:]), rows=figures)]),
            ],
        )

    def lines(self) -> Iterator[str]:
        """What failed, and the count of the rest."""
        for one in (*self.of("failed"), *self.of("warning")):
            yield f"{'FAIL' if one.verdict == 'failed' else 'warn'} {one.line()}"
        told = {verdict: len(self.of(verdict)) for verdict in ("passed", "failed", "warning", "not applicable")}
        yield ", ".join(f"{count} {verdict}" for verdict, count in told.items() if count)


def validate(frame: Frame, suite: Suite, fingerprint: str) -> Validation:
    """Check every expectation; raises nothing (see `Validation.raise_if_failed`)."""
    return Validation(
        fingerprint=fingerprint,
        rows=len(frame),
        suite=suite,
        statistics={name: _statistics(frame, name) for name in (LABEL, *frame.features)},
        findings=tuple(Finding(expectation=one, answer=ask(one, frame)) for one in suite.expectations),
    )


def _statistics(frame: Frame, name: str) -> dict[str, float]:
    """Of the finite values; the share of known ones is that of all rows."""
    column = frame.columns[name].astype(np.float64)
    found = {"share known": float(np.mean(frame.known(name))) if len(column) else 0.0}
    values = column[np.isfinite(column)]
    if len(values):
        found |= {"mean": float(values.mean()), "deviation": float(values.std())}
        found |= {"least": float(values.min()), "most": float(values.max())}
        found |= {kind: float(np.quantile(values, share)) for kind, share in _QUANTILES.items()}
    return found
