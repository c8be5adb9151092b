"""What the Faust services share: one way to read partitions without losing, doubling or reordering messages.

A service gives a `Handler`; the shell calls it from one worker thread, so that the event loop stays free for
heartbeats: `open` a partition before its first message, `handle` rounds of messages, `idle` from time to time,
`close` when the partition is lost, `finish` at a clean stop. Faust never acknowledges and never commits; the
handler commits with `Committer.commit`, and that only says where the group starts again.
"""

from consumers.shell.errors import GapError, ShellError, StalledError, Stopped
from consumers.shell.handler import Committer, Handler, Round
from consumers.shell.options import ShellOptions
from consumers.shell.retry import Patience
from consumers.shell.shell import Shell

__all__ = [
    "Committer",
    "GapError",
    "Handler",
    "Patience",
    "Round",
    "Shell",
    "ShellError",
    "ShellOptions",
    "StalledError",
    "Stopped",
]
