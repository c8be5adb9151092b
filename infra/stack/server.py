"""What a stack asks of each of its servers."""

from typing import Protocol

from infra.stack.process import Launch


class Server(Protocol):
    """A server that can be prepared, started as a process, and asked whether it is healthy.

    name: of the server in messages and file names. port: where it answers on 127.0.0.1.
    """

    name: str
    port: int

    def prepare(self) -> Launch:
        """Write what the server needs on disk (once; later calls leave its data alone) and say how to run it."""
        ...

    def probe(self) -> str | None:
        """None if the server does its work now, else why not."""
        ...

    def ended_in_passing(self, last_words: str) -> bool:
        """True if the reason of its end, by the last lines of its log, goes away by itself: start it again."""
        ...
