"""Names of a replay: everything that it makes carries its id, and what doesn't is none of its business."""

import re
from dataclasses import dataclass

#: Lower-case letters, digits and dashes within: no dot, so that no prefix begins another; no underscore, so that no
#: two ids give one schema.
_ID = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?")
#: What the names of a replay's topics, groups and keys begin with.
PREFIX = "replay-"
_SCHEMA = "replay_"
ID_FORM = "1 to 32 lower-case letters, digits and dashes, with a letter or digit at both ends"


class NotAReplayError(ValueError):
    """A name that doesn't belong to a replay was about to be removed."""


@dataclass(frozen=True, slots=True)
class ReplayName:
    """A replay's id. Raises ``ValueError`` for one that can't be.

    >>> name = ReplayName("monday-2")
    >>> name.prefix, name.schema
    ('replay-monday-2.', 'replay_monday_2')
    """

    ident: str

    def __post_init__(self) -> None:
        if _ID.fullmatch(self.ident) is None:
            raise ValueError(f"a replay's id has {ID_FORM}, not {self.ident!r:.80}")

    @property
    def prefix(self) -> str:
        """What its topics, consumer groups and Redis keys begin with."""
        return f"{PREFIX}{self.ident}."

    @property
    def schema(self) -> str:
        """The Postgres schema of its tables."""
        return _SCHEMA + self.ident.replace("-", "_")


def is_replay_prefix(prefix: str) -> bool:
    """True if ``prefix`` is one replay's own."""
    return prefix.startswith(PREFIX) and prefix.endswith(".") and _ID.fullmatch(prefix[len(PREFIX) : -1]) is not None


def require_prefix(prefix: str) -> str:
    """Return ``prefix``; raise ``NotAReplayError`` where it isn't one replay's own."""
    if not is_replay_prefix(prefix):
        raise NotAReplayError(f"{prefix!r} is not the prefix of a replay: nothing under it is removed")
    return prefix


def require_schema(schema: str) -> str:
    """Return ``schema``; raise ``NotAReplayError`` where it isn't one replay's own."""
    ident = schema.removeprefix(_SCHEMA).replace("_", "-")
    if not schema.startswith(_SCHEMA) or _ID.fullmatch(ident) is None or ReplayName(ident).schema != schema:
        raise NotAReplayError(f"{schema!r} is not the schema of a replay: it is not removed")
    return schema
