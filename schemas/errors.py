"""What encoding and decoding refuse."""


class EncodeError(ValueError):
    """A message that must not go onto the wire: NaN or infinity, columns of different length, a wrong type."""


class DecodeError(ValueError):
    """Bytes that are no message. ``code`` is the reason in one word, as it stands in the dead letter's headers."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
