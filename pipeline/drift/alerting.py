"""The alert for what a policy found."""

from typing import Any

from pipeline.drift.policies.finding import Finding
from pipeline.drift.series import Series
from schemas.alerts import Alert
from schemas.ids import alert_id
from schemas.intervals import DAY, session_end

#: Members of a group that are listed one by one; of the others the number is given.
LISTED = 50


def alert_of(policy: str, series: Series, finding: Finding, *, size: int, recent: list[tuple[int, float]]) -> Alert:
    """Alert for a rule that fired; its id depends on policy, rule, subject and session only.

    ``size``: observations behind the value on that session. ``recent``: the metric's sessions and values so far,
    oldest first; those since the onset are evidence.
    """
    evidence: dict[str, Any] = {
        "metric": finding.metric, "value": finding.value, "side": finding.side, "threshold": finding.threshold,
        "days": finding.days, "model": series.model, "model_version": series.version, "interval": series.interval,
        "horizon": series.horizon, **finding.evidence,
    }  # fmt: skip
    since = [value for session, value in recent if session >= finding.onset]
    if since:
        evidence["recent"] = since
    if finding.members:
        ordered = sorted(finding.members, key=lambda member: (-member.value, member.name))
        evidence["members"] = [
            {"name": one.name, "value": one.value, "onset": one.onset * DAY, "says": one.says}
            for one in ordered[:LISTED]
        ]
        evidence["members_total"] = len(finding.members)
    return Alert(
        alert_id=alert_id(policy, finding.rule, series.strategy, series.subject, finding.session),
        policy=policy,
        rule=finding.rule,
        severity=finding.severity,
        strategy=series.strategy,
        subject=series.subject,
        event_time=session_end(finding.session),
        session=finding.session,
        sample_size=size,
        window=(finding.onset * DAY, session_end(finding.session)),
        onset=finding.onset * DAY,
        evidence=evidence,
        false_alarm_budget=finding.budget,
        suggested_action=finding.action,
        message=_message(series, finding, size),
    )


def _message(series: Series, finding: Finding, size: int) -> str:
    who = f"{series.model} version {series.version}, {series.interval}, {size} observations"
    if finding.members:
        names = [one.name for one in sorted(finding.members, key=lambda member: (-member.value, member.name))]
        shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
        return f"{series.strategy}: {finding.rule}: {len(names)} feature{'s' * (len(names) > 1)}: {shown} ({who})"
    spell = f"for {finding.days} days with data " if finding.days > 1 else ""
    if "e_value" in finding.evidence:
        what = finding.evidence.get("says") or f"{finding.metric} {finding.value:.4f}"
        return (
            f"{series.strategy}: {finding.rule}: {what}, "
            f"evidence {finding.evidence['e_value']:.0f} against {finding.evidence['e_threshold']:.0f}, "
            f"since {finding.days} sessions ({who})"
        )
    beyond = f"{finding.metric} {finding.value:.4f} is {finding.side} {finding.threshold:g}"
    return f"{series.strategy}: {beyond} {spell}({who})"
