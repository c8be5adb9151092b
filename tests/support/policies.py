"""The drift policies that ship."""

from infra.drift_policies import load_policy

CLASSIC = load_policy("classic")
CALIBRATED = load_policy("calibrated")
