"""What travels with the offset commit of a partition of ``features``: enough for the next owner to go on.

Text: ``m1.`` and base64 of a MessagePack list. The broker keeps 4,095 bytes of it.
"""

import base64
import binascii
from dataclasses import dataclass, field

import msgpack

from consumers.inference.errors import REPAIR, CommitRefused
from pipeline.routing.partition import PartitionInference, Standing

_MARK = "m1."
_LIMIT = 4_000


@dataclass(frozen=True, kw_only=True, slots=True)
class CommitMetadata:
    """``snapshot``: offset of the newest ``RouterSnapshot`` in ``predictions``, -1 if there is none.

    ``received``: offset of the last control event received; ``kept``: (control offset, ``effective_p``) of those not
    superseded.
    """

    standing: Standing = field(default_factory=Standing)
    snapshot: int = -1
    received: int = -1
    kept: tuple[tuple[int, int], ...] = ()

    def to_text(self) -> str:
        """Return the text form. Raises ``CommitRefused`` if it wouldn't fit."""
        at = self.standing
        values = [at.fence, at.head, at.partition_time, at.seq, self.snapshot, self.received, self.kept]
        text = _MARK + base64.b64encode(msgpack.packb(values)).decode()
        if len(text) > _LIMIT:
            raise CommitRefused(
                f"{len(self.kept)} control events are in force: with them the offset commit is {len(text)} bytes long, "
                f"over the limit of {_LIMIT}. Replace several small parameter or pause events by one"
            )
        return text


def metadata_of(partition: PartitionInference, snapshot: int) -> CommitMetadata:
    """Return what is to be committed with the partition's present state."""
    control = partition.control
    return CommitMetadata(
        standing=partition.standing, snapshot=snapshot, received=control.received, kept=control.kept()
    )


def initial() -> str:
    """Return the metadata of a partition of which nothing was taken yet."""
    return CommitMetadata().to_text()


def from_text(text: str | None, where: str) -> CommitMetadata:
    """Read the text form; ``where`` names the partition. Raises ``CommitRefused`` if it is missing or unreadable."""
    if not text:
        raise CommitRefused(
            f"{where}: the committed offset carries no state, as after a reset by hand; going on would lose or repeat "
            f"signals. Run: {REPAIR}"
        )
    try:
        if not text.startswith(_MARK):
            raise ValueError(f"it starts with {text[:3]!r}")
        fence, head, time, seq, snapshot, received, kept = msgpack.unpackb(
            base64.b64decode(text[len(_MARK) :], validate=True), use_list=False
        )
        standing = Standing(fence=fence, head=head, partition_time=time, seq=seq)
        return CommitMetadata(standing=standing, snapshot=snapshot, received=received, kept=kept)
    except (ValueError, TypeError, binascii.Error, msgpack.UnpackException) as error:
        raise CommitRefused(
            f"{where}: the state in the committed offset can't be read ({error}). Run: {REPAIR}"
        ) from error
