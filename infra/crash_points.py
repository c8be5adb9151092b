"""Named places at which a test may kill the process: the numbered steps of each service's order of effects.

``SIGNALTAPE_CRASH_AT=<name>[:n]`` kills the process with SIGKILL when it reaches the named place for the n-th time
(default: the first). Without the variable ``reach`` does nothing.
"""

import os
import signal

_NAME, _, _COUNT = os.environ.get("SIGNALTAPE_CRASH_AT", "").partition(":")
_left = int(_COUNT or 1)


def reach(name: str) -> None:
    """Mark that the process has come to a named step."""
    if not _NAME or name != _NAME:
        return
    global _left
    _left -= 1
    if _left <= 0:
        os.kill(os.getpid(), signal.SIGKILL)
