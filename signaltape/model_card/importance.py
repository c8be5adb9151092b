"""What a model looks at: by its own account where it is made of trees, and by what it loses without a column."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from infra.scoring.scorer import RowScorer
from infra.scoring.session import F4Array
from pipeline.drift.information_coefficient import doubled_ranks
from schemas.fields import F8Array
from signaltape.reports.plots import Panel, bar_panels

IMPORTANCE_FILE, IMPORTANCE_PLOT = "importance.json", "importance.svg"
_ROWS, _REPEATS = 1_000, 3
_SHOWN = 20
_WORDS = {
    "split": "splits that use it",
    "gain": "gain, share of all",
    "permutation": "rank IC lost when shuffled",
}


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Importance:
    """``kinds``: split, gain (where the model has them) and permutation, float64 (features,) each.

    ``deviation``: of the permutations, (features,). ``rank_ic``: of the ``rows`` rows that were permuted.
    """

    features: tuple[str, ...]
    kinds: Mapping[str, F8Array]
    deviation: F8Array
    rank_ic: float
    rows: int
    seed: int

    @property
    def order(self) -> list[int]:
        """Places of the features, the most important first: by gain where there is one, else by permutation."""
        chosen = self.kinds.get("gain", self.kinds["permutation"])
        return [int(place) for place in np.argsort(-chosen, kind="stable")]

    def document(self) -> dict[str, Any]:
        """Plain values, the most important feature first."""
        return {
            "rows": self.rows,
            "repeats": _REPEATS,
            "seed": self.seed,
            "rank_ic": self.rank_ic,
            "features": [
                {
                    "name": self.features[place],
                    **{kind: float(values[place]) for kind, values in self.kinds.items()},
                    "permutation_deviation": float(self.deviation[place]),
                }
                for place in self.order
            ],
        }

    def to_json(self) -> bytes:
        """The file's content."""
        return (json.dumps(self.document(), indent=2, allow_nan=False) + "\n").encode()

    def plot(self) -> str:
        """An SVG element: one panel a kind, the twenty most important features."""
        shown = self.order[:_SHOWN]
        panels = []
        for kind, values in self.kinds.items():
            total = float(values.sum()) or 1.0
            scale = 1.0 / total if kind == "gain" else 1.0
            errors = self.deviation[shown].tolist() if kind == "permutation" else None
            panels.append(Panel(title=_WORDS[kind], values=(values[shown] * scale).tolist(), errors=errors))
        return bar_panels([self.features[place] for place in shown], panels)


def importance_of(
    scorer: RowScorer, features: tuple[str, ...], x: F4Array, y: F8Array, *, native: Mapping[str, F8Array], seed: int
) -> Importance:
    """Permutation importance on held-out rows, float32 (n, features) and log returns (n,), beside ``native`` kinds.

    Breiman (2001): how much rank IC is lost when one column is shuffled across the rows, mean and deviation of three
    seeded shuffles of at most 1,000 rows spread over time. Columns that say the same cover for each other: each of
    them loses little.
    """
    chosen = np.unique(np.linspace(0, len(x) - 1, min(len(x), _ROWS)).astype(np.int64))
    rows, known = x[chosen], doubled_ranks(y[chosen])
    whole = _rank_ic(scorer, rows, known)
    generator = np.random.Generator(np.random.PCG64(seed))
    orders = [generator.permutation(len(rows)) for _ in range(_REPEATS)]
    lost = np.zeros((len(features), _REPEATS))
    for place in range(len(features)):
        for number, order in enumerate(orders):
            shuffled = rows.copy()
            shuffled[:, place] = rows[order, place]
            lost[place, number] = whole - _rank_ic(scorer, shuffled, known)
    return Importance(
        features=features,
        kinds={**native, "permutation": lost.mean(axis=1)},
        deviation=lost.std(axis=1),
        rank_ic=whole,
        rows=len(rows),
        seed=seed,
    )


def _rank_ic(scorer: RowScorer, rows: F4Array, known: Any) -> float:
    """0 where it isn't defined: all scores equal, or all returns."""
    ranks = doubled_ranks(scorer.score_rows(rows).score).astype(np.float64)
    other = np.asarray(known, dtype=np.float64)
    spread = float(ranks.std() * other.std())
    return float(np.mean((ranks - ranks.mean()) * (other - other.mean()))) / spread if spread > 0.0 else 0.0
