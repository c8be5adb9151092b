"""Settings of the shell."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class ShellOptions:
    """How a Faust service reads. Times in seconds.

    ``contiguous``: the topics are written without transactions, so a missing offset is a missing message.
    ``read_committed``: leave out messages of aborted transactions. ``round_messages`` bounds a round,
    ``inbox_messages`` and ``inbox_bytes`` bound what waits for the handler; beyond them reading pauses.
    ``stall_after_s``: a partition that doesn't advance for so long while messages wait ends the process.
    ``idle_every_s``: how often ``Handler.idle`` is called at least. ``revoke_patience_s``: how long a rebalance
    waits for the round at hand. ``stop_patience_s``: how long a clean stop waits for it.
    """

    contiguous: bool = True
    read_committed: bool = False
    session_timeout_s: float = 6.0
    heartbeat_s: float = 1.0
    rebalance_timeout_s: float = 60.0
    round_messages: int = 1_000
    inbox_messages: int = 4_000
    inbox_bytes: int = 64 * 1024 * 1024
    stall_after_s: float = 60.0
    idle_every_s: float = 0.2
    revoke_patience_s: float = 20.0
    stop_patience_s: float = 30.0
    commit_patience_s: float = 5.0
