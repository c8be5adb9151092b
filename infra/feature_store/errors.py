"""What a request to the feature store can get wrong. Nothing was read or written when one of these is raised."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from infra.errors import OperatorError


class FeatureStoreError(OperatorError):
    """A request that can't be answered as it stands; the message names the thing and says what to do."""

    exit_code = 2


class UnknownFeature(FeatureStoreError):
    """A feature, set, version or interval that the store does not have; `closest` are names that it has."""

    def __init__(self, message: str, closest: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.closest = tuple(closest)


class InvalidRequest(FeatureStoreError):
    """Entities, times or options that no answer exists for."""


def unknown(kind: str, name: str, known: Iterable[str], place: str) -> UnknownFeature:
    """The error for a `name` that `place` does not have, with the closest names that it has."""
    names = sorted(set(known))
    closest = get_close_matches(name, names, n=3, cutoff=0.5)
    if closest:
        hint = f"did you mean {' or '.join(map(repr, closest))}?"
    elif names:
        hint = f"known: {', '.join(names[:8])}{', …' if len(names) > 8 else ''}"
    else:
        hint = "nothing is registered there yet"
    return UnknownFeature(f"unknown {kind} {name!r} in {place}; {hint}", closest)
