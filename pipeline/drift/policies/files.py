"""A policy from the text of a TOML file."""

import tomllib
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from pipeline.drift.policies.calibrated import CalibratedPolicy
from pipeline.drift.policies.calibrated_settings import CalibratedSettings, Shares
from pipeline.drift.policies.classic import ClassicPolicy
from pipeline.drift.policies.consecutive_days import Rule
from pipeline.drift.policies.finding import Policy


class PolicyInvalid(ValueError):
    """The text is not a policy; the message names the setting."""


def read_policy(text: str) -> Policy:
    """Parse a policy. Raises PolicyInvalid for anything that it does not know or that makes no sense.

    >>> read_policy('kind = "calibrated"').name
    'calibrated'
    >>> read_policy('kind = "calibrated"\\nbuget = 2')
    Traceback (most recent call last):
    pipeline.drift.policies.files.PolicyInvalid: unknown setting: buget
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PolicyInvalid(f"not TOML: {error}") from error
    kind = data.pop("kind", None)
    try:
        match kind:
            case "classic":
                return _classic(data)
            case "calibrated":
                return _calibrated(data)
            case _:
                raise PolicyInvalid(f"kind is {kind!r}, expected classic or calibrated")
    except PolicyInvalid:
        raise
    except (TypeError, ValueError) as error:
        raise PolicyInvalid(str(error)) from error


def _classic(data: dict[str, Any]) -> ClassicPolicy:
    rules = tuple(_rule(one) for one in data.pop("rules", []))
    feature_rules = tuple(_rule(one) for one in data.pop("feature_rules", []))
    _refuse_unknown(data, {"name"})
    if not rules and not feature_rules:
        raise PolicyInvalid("a classic policy without rules finds nothing: give rules or feature_rules")
    return ClassicPolicy(rules=rules, feature_rules=feature_rules, **data)


def _rule(data: Mapping[str, Any]) -> Rule:
    wanted = {field.name for field in fields(Rule)}
    _refuse_unknown(data, wanted)
    missing = sorted(wanted - data.keys())
    if missing:
        raise PolicyInvalid(f"rule {data.get('name', '?')}: {', '.join(missing)} missing")
    return Rule(**data)


def _calibrated(data: dict[str, Any]) -> CalibratedPolicy:
    shares = data.pop("shares", {})
    _refuse_unknown(shares, {field.name for field in fields(Shares)})
    _refuse_unknown(data, {field.name for field in fields(CalibratedSettings)})
    for name in ("ic_stakes", "shape_stakes"):
        if name in data:
            data[name] = tuple(data[name])
    return CalibratedPolicy(settings=CalibratedSettings(shares=Shares(**shares), **data))


def _refuse_unknown(data: Mapping[str, Any], known: set[str]) -> None:
    unknown = sorted(data.keys() - known)
    if unknown:
        raise PolicyInvalid(f"unknown setting: {', '.join(unknown)}")
