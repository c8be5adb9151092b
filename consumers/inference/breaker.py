"""When a model that keeps missing is no longer asked."""

from dataclasses import dataclass


@dataclass(slots=True)
class Breaker:
    """Opens after ``misses`` misses in a row; then lets one call in ``probe`` through, and closes on its success."""

    misses: int
    probe: int
    _missed: int = 0
    _refused: int = 0

    @property
    def is_open(self) -> bool:
        """True while calls are held back."""
        return self._missed >= self.misses

    def allows(self) -> bool:
        """Decide whether the next call may go to the model."""
        if not self.is_open:
            return True
        self._refused += 1
        if self._refused < self.probe:
            return False
        self._refused = 0
        return True

    def record(self, *, ok: bool) -> None:
        """Take the result of a call that was let through."""
        self._missed = 0 if ok else self._missed + 1
        if ok:
            self._refused = 0
