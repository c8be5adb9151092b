"""What is simulated: a model over names and sessions, and the variants of a healthy market."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType


@dataclass(frozen=True, kw_only=True, slots=True)
class Scenario:
    """One kind of healthy history: daily bars of ``names``, ``training`` sessions (the last ``held_out`` of them held
    out), then ``sessions`` live ones; labels of ``horizon`` sessions.

    ``coefficient``: true rank IC. ``persistence``: AR(1) parameter of the score. ``rough``: GARCH volatility, t₃ tails
    and regimes of threefold volatility, else normal returns. ``correlation``: of the residual returns of two names of
    one block; one of ``blocks`` blocks of equal size, whose scores are then correlated as much; 1 means one market
    factor, and independent scores. ``missing``: share of sessions without any bar, and of sessions in which two names
    in five are missing. ``late``: share of sessions whose labels all come too late, and of those where two in five do.
    ``lean``: only what the policy ``calibrated`` looks at is measured, in two thirds of the time.
    """

    name: str = "market"
    names: int = 500
    training: int = 504
    held_out: int = 252
    sessions: int = 1008
    horizon: int = 1
    coefficient: float = 0.04
    persistence: float = 0.95
    rough: bool = True
    correlation: float = 0.3
    blocks: int = 1
    missing: float = 0.0
    late: float = 0.0
    lean: bool = False

    def __post_init__(self) -> None:
        if self.names < 40 or self.blocks < 1 or self.names % self.blocks:
            raise ValueError(f"{self.names} names in {self.blocks} blocks: at least 40, in blocks of equal size")
        if not 40 <= self.held_out <= self.training or self.sessions < 1 or self.horizon < 1:
            raise ValueError(f"{self}: 40 <= held_out <= training, sessions and horizon at least 1")
        if not (0 <= self.correlation < 1 and 0 <= self.missing < 0.5 and 0 <= self.late < 0.5):
            raise ValueError(f"{self}: correlation, missing and late are shares")

    @property
    def total(self) -> int:
        """Sessions, training included."""
        return self.training + self.sessions


#: Variants of a healthy market, by name.
VARIANTS: Mapping[str, Scenario] = MappingProxyType(
    {
        one.name: one
        for one in (
            Scenario(name="plain", rough=False, correlation=0.0),
            Scenario(name="market"),
            Scenario(name="gaps", missing=0.02, late=0.03),
            Scenario(name="blocks", blocks=20),
            Scenario(name="overlap", horizon=20),
            Scenario(name="everything", horizon=20, blocks=20, missing=0.02, late=0.03),
        )
    }
)


def sized(name: str, *, names: int, sessions: int, lean: bool = False) -> Scenario:
    """The variant of that name with other sizes. Raises KeyError for an unknown name, ValueError for sizes."""
    return replace(VARIANTS[name], names=names, sessions=sessions, lean=lean)
