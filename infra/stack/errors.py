"""What can go wrong with the local stack."""

from pathlib import Path

from infra.errors import OperatorError


class StackError(OperatorError):
    """A server or an artifact of the local stack is not usable.

    The message says which one, why, and what to do; `log` is where its output is kept, if it got so far.
    """

    def __init__(self, what: str, why: str, log: Path | None = None) -> None:
        self.what = what
        self.why = why
        self.log = log
        super().__init__(f"{what}: {why}" + (f"\n  its log: {log}" if log else ""))
