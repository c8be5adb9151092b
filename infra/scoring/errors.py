"""What can go wrong with a model: before it serves (the operator's to solve) and in a call (the caller falls back)."""

from infra.errors import OperatorError


class ModelRefused(OperatorError):
    """A model is not loaded or registered; the message names the file or field and says what to do."""


class ManifestInvalid(ModelRefused):
    """A manifest's field is missing, unknown, or has a value that cannot be."""


class ArtifactChanged(ModelRefused):
    """A file of a model is missing, or is not the file that was registered: its SHA-256 differs."""


class GoldenMismatch(ModelRefused):
    """The model does not give on this host what it gave where its golden vectors were made."""


class UnknownModel(ModelRefused):
    """No such name, or no such version of it, in the registry."""


class ScoringFault(Exception):
    """A model call gave nothing that can be used; the caller answers with the manifest's fallback."""


class DeadlineMissed(ScoringFault):
    """The deadline passed with ``done`` of ``total`` rows scored, ``elapsed_ns`` after the start."""

    def __init__(self, done: int, total: int, elapsed_ns: int) -> None:
        super().__init__(f"deadline passed with {done} of {total} rows scored after {elapsed_ns / 1e6:.1f} ms")
        self.done = done
        self.total = total
        self.elapsed_ns = elapsed_ns


class UnusableOutput(ScoringFault):
    """The model gave NaN, an infinity, a confidence outside [0, 1] (in ``rows``), a wrong shape, or failed."""

    def __init__(self, detail: str, rows: tuple[int, ...] = ()) -> None:
        super().__init__(detail)
        self.rows = rows
