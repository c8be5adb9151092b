"""The policy that decides what becomes an alert: its parameters, its promise, and what was measured of it."""

from dataclasses import asdict
from typing import Any

from infra.drift_policies import SHIPPED, load_policy
from infra.settings import Settings
from pipeline.drift.policies.calibrated import CalibratedPolicy
from pipeline.drift.policies.classic import ClassicPolicy
from signaltape.console.drift.agent_state import AgentState

#: Of the shipped policies: variant, false alarms a year while nothing is wrong, sessions until a total loss of the IC
#: is noticed in the median, share noticed within a year. Held to docs/drift-policies.md by a test.
MEASURED = {
    "calibrated": (
        ("plain", "0.101 ± 0.010", "21", "99%"),
        ("market", "0.336 ± 0.039", "18", "100%"),
        ("gaps", "0.315 ± 0.038", "19", "100%"),
        ("blocks", "0.532 ± 0.068", "32", "100%"),
        ("overlap", "0.342 ± 0.038", "201", "63%"),
        ("everything", "0.445 ± 0.066", "–", "40%"),
    ),
    "classic": (("market", "79.53 ± 0.41", "2", "100%"),),
}
_MEANS = {
    "budget": "false alarms a year that the policy may raise about one model",
    "floor": "share of its held-out IC that a model must keep",
    "quiet": "sessions without an alarm that end a spell",
    "wide": "features in a spell at one time that make the alert severe",
    "label_wait": "sessions with predictions and no label, beyond the overlap, that are an alert",
    "sessions_a_year": "sessions that the budget is counted over",
    "scale_memory": "sessions that the IC's scale is taken over",
    "cap": "largest stake of one session, in scales",
    "ic_stakes": "stakes of the IC's charts",
    "shape_stakes": "stakes of the shapes' charts",
}


def policy_in_force(settings: Settings, state: AgentState) -> dict[str, Any]:
    """The policy of these settings, and whether the drift agent runs with the same one.

    Raises PolicyError for one that can't be read.
    """
    policy = load_policy(settings.drift.policy)
    found: dict[str, Any] = {
        "name": policy.name,
        "setting": settings.drift.policy,
        "fingerprint": policy.fingerprint,
        "agent_fingerprint": state.policy or None,
        "same": None if not state.policy else state.policy == policy.fingerprint,
        "minimum_names": settings.drift.minimum_names,
        "lookback": settings.drift.lookback,
        "parameters": [],
        "budgets": [],
        "rules": [],
        "measured": [],
    }
    if isinstance(policy, CalibratedPolicy):
        found |= {"kind": "calibrated", **_calibrated(policy)}
    elif isinstance(policy, ClassicPolicy):
        found |= {
            "kind": "classic",
            "budget": None,
            "rules": [asdict(one) for one in (*policy.rules, *policy.feature_rules)],
        }
    shipped = settings.drift.policy in SHIPPED
    columns = ("variant", "alarms_a_year", "sessions_to_notice", "noticed_within_a_year")
    if shipped:
        found["measured"] = [dict(zip(columns, row, strict=True)) for row in MEASURED[settings.drift.policy]]
    return found


def _calibrated(policy: CalibratedPolicy) -> dict[str, Any]:
    own = policy.settings
    plain = {name: value for name, value in asdict(own).items() if name not in ("name", "shares")}
    shares = (("IC", own.shares.ic), ("score", own.shares.score), ("features", own.shares.features))
    return {
        "budget": own.budget,
        "parameters": [{"name": name, "value": value, "means": _MEANS[name]} for name, value in plain.items()],
        "budgets": [
            {"of": name, "alarms_a_year": own.budget * share, "threshold": own.threshold(share)}
            for name, share in shares
        ],
    }
