"""Who runs this process."""

import getpass


def current_user() -> str:
    """Name of the operating system's user, ``unknown`` where there is none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
