"""What each model last said of each symbol, for its fallback ``last``."""

import threading
from collections.abc import Mapping

from pipeline.deployments import ModelRef

#: More than this and those that were said first go.
_KEPT = 200_000
#: Event time (ns UTC) and score.
Word = tuple[int, float]


class LastWords:
    """Newest (event time, score) by model, interval and symbol. Safe to use from several threads."""

    def __init__(self, kept: int = _KEPT) -> None:
        self._kept = kept
        self._lock = threading.Lock()
        self._words: dict[tuple[ModelRef, str, str], Word] = {}

    def remember(self, ref: ModelRef, interval: str, words: Mapping[str, Word]) -> None:
        """Keep what a model said of some symbols, unless something newer is known."""
        with self._lock:
            for symbol, word in words.items():
                key = ref, interval, symbol
                held = self._words.pop(key, None)
                self._words[key] = word if held is None else max(held, word)
            while len(self._words) > self._kept:
                del self._words[next(iter(self._words))]

    def recall(self, ref: ModelRef, interval: str, symbol: str) -> Word | None:
        """What a model said last of a symbol; None if nothing is known."""
        with self._lock:  # what is being replaced is out of the table for a moment
            return self._words.get((ref, interval, symbol))
