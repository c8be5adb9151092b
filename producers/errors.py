"""What a producer says when it can't take its input."""


class BarInputError(ValueError):
    """The input can't be used as bars; the message names the place and what to do."""


class FeedClosedError(RuntimeError):
    """Bars were handed to a feed that is not open; open it first."""
