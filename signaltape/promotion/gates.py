"""What a promotion must show: each gate is a pure question with an answer in words."""

from collections.abc import Container, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from infra.warehouse.model_comparisons import Comparison
from infra.warehouse.model_stages import Stage
from pipeline.deployments import ModelRef
from signaltape.model_tests import ModelTestReport
from signaltape.promotion.errors import GateClosed


@dataclass(frozen=True, kw_only=True, slots=True)
class Gate:
    """One condition and whether it holds."""

    name: str
    passed: bool
    detail: str


def model_tests_gate(report: ModelTestReport | None, sha256: str) -> Gate:
    """The model tests of this very file passed."""
    if report is None:
        return _gate("model_tests", "it was never tested: register it with this version, which tests it")
    if report.sha256 != sha256:
        return _gate("model_tests", f"the tests are of another file ({report.sha256[:12]}): register the model anew")
    if not report.passed:
        failed = "; ".join(f"{one.name}: {one.detail}" for one in report.failures) or "no test could be made"
        return _gate("model_tests", f"{report.share:.0%} passed; {failed}")
    return Gate(name="model_tests", passed=True, detail=f"all passed over {report.rows:,} rows")


def comparison_gate(found: Comparison | None, champion: ModelRef | None) -> Gate:
    """The newest comparison with the live model says promote; without a live one there is nothing to compare with."""
    if champion is None:
        return Gate(name="comparison", passed=True, detail="no model is live for this strategy")
    if found is None:
        return _gate("comparison", f"it was never compared with {champion}, which is live: `signaltape models compare`")
    said = f"comparison {found.comparison_id} with {champion} ({found.source}): {found.decision}"
    if found.decision == "promote":
        return Gate(name="comparison", passed=True, detail=said)
    reasons = "; ".join(str(one) for one in found.detail.get("reasons", ()))
    return _gate("comparison", f"{said}: {reasons}" if reasons else said)


def shadow_bars_gate(answered: int, wanted: int) -> Gate:
    """The model answered so many bars as a shadow of the strategy."""
    said = f"{answered:,} of {wanted:,} bars answered as a shadow"
    return Gate(name="shadow_bars", passed=answered >= wanted, detail=said if wanted else "none asked for")


def stage_gate(stage: Stage) -> Gate:
    """The model was not taken out of use."""
    if stage == "archived":
        return _gate("stage", "it is archived: put it in staging again with `signaltape models promote --to staging`")
    return Gate(name="stage", passed=True, detail=stage)


def pass_through(
    ref: ModelRef, gates: Sequence[Gate], *, force: bool, reason: str, what: str = "promoted",
    forces: Container[str] | None = None,
) -> bool:  # fmt: skip
    """Return whether force was needed. ``forces``: names of the gates that force passes, None for all.

    Raises GateClosed with every gate that is closed, unless it is forced; force needs a reason, which is recorded.
    """
    closed = [one for one in gates if not one.passed]
    if not closed:
        return False
    if not force or not all(forces is None or one.name in forces for one in closed):
        listed = "; ".join(f"{one.name}: {one.detail}" for one in closed)
        raise GateClosed(f"{ref} is not {what}: {listed}. To do it all the same: --force --reason TEXT")
    if not reason.strip():
        raise GateClosed(f"{ref} is not {what}: --force needs --reason, which is recorded")
    return True


def document(gates: Sequence[Gate]) -> dict[str, Any]:
    """Plain values, for the record."""
    return {"gates": [asdict(one) for one in gates]}


def _gate(name: str, why: str) -> Gate:
    return Gate(name=name, passed=False, detail=why)
