"""The one base of failures that are the operator's to solve, not a programmer's."""


class OperatorError(Exception):
    """An expected failure: its message names the thing and says what to do.

    The command line prints the message without a traceback and ends with `exit_code`.
    """

    exit_code = 1
