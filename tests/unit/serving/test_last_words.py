"""What a model said last."""

import threading

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


class _SlowToCompare(tuple[int, float]):
    """A word that is compared only when it may: what ``remember`` does is stopped in the middle."""

    reached, go = threading.Event(), threading.Event()

    def __gt__(self, other: tuple[int, float]) -> bool:
        self.reached.set()
        assert self.go.wait(10)
        return tuple(self) > tuple(other)


def test_a_word_that_is_being_replaced_is_not_missed() -> None:
    words, slow, found = LastWords(), _SlowToCompare((11, 0.2)), []
    words.remember(ONE, "1m", {"A": (10, 0.1)})
    writer = threading.Thread(target=words.remember, args=(ONE, "1m", {"A": slow}))
    reader = threading.Thread(target=lambda: found.append(words.recall(ONE, "1m", "A")))
    writer.start()
    assert slow.reached.wait(10)
    reader.start()
    reader.join(0.2)
    slow.go.set()
    for thread in (writer, reader):
        thread.join(10)
    assert found == [(11, 0.2)]
