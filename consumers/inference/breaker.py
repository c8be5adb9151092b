"""When a model that keeps missing is no longer asked."""

from dataclasses import dataclass


@dataclass(slots=True)
class Breaker:
    """Opens after ``misses`` misses in a row; then lets one call in ``probe`` through, and closes on its success.

    While it is held (its model is being replaced), nothing is let through.

    >>> breaker = Breaker(misses=2, probe=3)
    >>> for _ in range(2):
    ...     breaker.record(ok=False)
    >>> [breaker.allows() for _ in range(4)]
    [False, False, True, False]
    """

    misses: int
    probe: int
    held: bool = False
    _missed: int = 0
    _refused: int = 0

    @property
    def is_open(self) -> bool:
        """True while calls are held back."""
        return self.held or self._missed >= self.misses

    def allows(self) -> bool:
        """Decide whether the next call may go to the model."""
        if self.held:
            return False
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

    def hold(self) -> None:
        """Open at once, without probes until ``release``."""
        self.held = True
        self._missed = max(self._missed, self.misses)
        self._refused = 0

    def release(self) -> None:
        """Let probes through again."""
        self.held = False
