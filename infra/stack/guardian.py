"""Ends the servers of a stack whose owner has died without stopping them.

Run as a script of its own, with a pipe from the owner as standard input. A line `add PID TICKS SIGNAL` puts a
process under its care, `drop PID` takes it out. When the pipe closes or the owner is gone, each remaining process
gets its signal, and SIGKILL if it is still there after ten seconds. Knows nothing but the standard library, so that
it starts in 20 ms.
"""

import os
import select
import signal
import sys
import time
from pathlib import Path

GRACE_S = 10.0


def ticks_of(pid: int) -> int | None:
    """When the process began, in clock ticks since boot; None if it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in {"Z", "X"} else int(fields[19])


def watch(owner: int) -> dict[int, tuple[int, int]]:
    """Follow the pipe until it closes or the owner is gone; the processes then left, with ticks and signal."""
    wards: dict[int, tuple[int, int]] = {}
    buffer = b""
    while True:
        readable, _, _ = select.select([0], [], [], 1.0)
        if readable:
            data = os.read(0, 4096)
            if not data:
                return wards
            *lines, buffer = (buffer + data).split(b"\n")
            for line in lines:
                word, *numbers = line.split()
                pid, *rest = (int(number) for number in numbers)
                if word == b"add":
                    wards[pid] = (rest[0], rest[1])
                else:
                    wards.pop(pid, None)
        elif os.getppid() != owner:
            return wards


def end(wards: dict[int, tuple[int, int]]) -> None:
    """Signal the processes that are still the recorded ones, and kill those that stay."""
    for pid, (ticks, number) in wards.items():
        if ticks_of(pid) == ticks:
            os.kill(pid, number)
    deadline = time.monotonic() + GRACE_S
    while time.monotonic() < deadline and any(ticks_of(pid) == ticks for pid, (ticks, _) in wards.items()):
        time.sleep(0.05)
    for pid, (ticks, _) in wards.items():
        if ticks_of(pid) == ticks:
            os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    end(watch(int(sys.argv[1])))
