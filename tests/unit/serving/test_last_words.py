"""What a model said last."""

from pipeline.deployments import ModelRef
from signaltape.serving.last_words import LastWords

ONE, TWO = ModelRef(name="a", version=1), ModelRef(name="a", version=2)


def test_the_newest_word_of_each_model_is_kept() -> None:
    words = LastWords()
    words.remember(ONE, "1m", {"A": (10, 0.1), "B": (10, 0.2)})
    words.remember(ONE, "1m", {"A": (9, 0.9), "B": (11, 0.3)})
    assert words.recall(ONE, "1m", "A") == (10, 0.1)
    assert words.recall(ONE, "1m", "B") == (11, 0.3)
    assert words.recall(TWO, "1m", "A") is None
    assert words.recall(ONE, "1h", "A") is None


def test_what_was_said_longest_ago_goes_first() -> None:
    words = LastWords(kept=2)
    for number, symbol in enumerate("ABAC"):
        words.remember(ONE, "1m", {symbol: (number, 0.0)})
    assert words.recall(ONE, "1m", "B") is None
    assert words.recall(ONE, "1m", "A") == (2, 0.0)
