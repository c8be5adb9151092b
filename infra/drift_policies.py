"""Where a drift policy comes from: one of those that ship, by name, or a file of one's own."""

from importlib.resources import files
from pathlib import Path

from infra.errors import OperatorError
from pipeline.drift.policies.files import PolicyInvalid, read_policy
from pipeline.drift.policies.finding import Policy

#: Policies that ship.
SHIPPED = ("calibrated", "classic")
#: A policy file is small; more than this is something else.
MOST_BYTES = 100_000


class PolicyError(OperatorError):
    """A policy can't be read."""


def load_policy(name: str) -> Policy:
    """Return the policy of that name, or from the file of that path. Raises PolicyError saying what is wrong."""
    if name in SHIPPED:
        return read_policy((files("pipeline.drift.policies") / f"{name}.toml").read_text("utf-8"))
    path = Path(name)
    try:
        if path.stat().st_size > MOST_BYTES:
            raise PolicyError(f"policy {name}: larger than {MOST_BYTES:,} bytes")
        return read_policy(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise PolicyError(f"policy {name}: neither {' nor '.join(SHIPPED)}, and no file to read: {error}") from error
    except PolicyInvalid as error:
        raise PolicyError(f"policy {name}: {error}") from error
