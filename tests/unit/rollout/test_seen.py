"""What changed since a picture: which decisions of others matter, and in which words."""

import pytest

from schemas.control import ControlEvent
from signaltape.rollout import Seen, StateChanged
from signaltape.rollout.words import in_words, plain, scope_words

NOON = 1_700_049_723 * 10**9  # 2023-11-15 12:02:03 UTC


def event(offset: int, action: str, strategy: str = "alpha", **more: object) -> ControlEvent:
    values: dict[str, object] = {
        "event_id": f"e{offset}", "action": action, "effective_from": 0, "issued_at": NOON, "issued_by": "olga",
        "reason": "why not", "strategy": strategy, "control_offset": offset, **more,
    }  # fmt: skip
    return ControlEvent(**values)  # type: ignore[arg-type]


def swap(offset: int, version: int, strategy: str = "alpha", action: str = "activate") -> ControlEvent:
    return event(offset, action, strategy, model="daily", model_version=version)


BEFORE = [swap(0, 1), swap(1, 2)]
SHADOW = event(2, "shadow", model="daily", model_version=9)
SCALE = event(2, "position_scale", parameters={"scale": 0.5})
PARAMETERS = event(2, "parameters", parameters={"long": 0.1})


@pytest.mark.parametrize(
    ("decision", "later", "matters"),
    [
        ("promote", swap(2, 3), True),
        ("promote", swap(2, 1, action="rollback"), True),
        ("promote", swap(2, 3, "beta"), False),
        ("promote", SHADOW, False),
        ("promote", event(2, "pause", ""), True),  # of everything, so of alpha too
        ("promote", PARAMETERS, True),
        ("rollback", event(2, "resume"), True),
        ("pause", PARAMETERS, False),  # a pause is not held up by that
        ("pause", event(2, "resume"), True),
        ("pause", swap(2, 3), True),
        ("resume", SCALE, True),
        ("position_scale", SCALE, True),
        ("promote", event(2, "parameters", parameters={"no such": 1}), False),  # nobody obeys it
    ],
)
def test_what_matters(decision: str, later: ControlEvent, matters: bool) -> None:
    seen = Seen(decision=decision, offset=1, strategy="alpha")
    assert bool(seen.changed([*BEFORE, later])) is matters


def test_events_of_the_picture_itself_are_no_change() -> None:
    assert Seen(decision="promote", offset=1, strategy="alpha").changed(BEFORE) == ()
    Seen(decision="promote", offset=1, strategy="alpha").refuse_changed(BEFORE)


def test_other_symbols_do_not_matter() -> None:
    seen = Seen(decision="pause", offset=1, strategy="", symbols=frozenset({"A", "B"}))
    assert seen.changed([*BEFORE, event(2, "pause", "", symbols=("C",))]) == ()
    assert seen.changed([*BEFORE, event(2, "pause", "", symbols=("B", "C"))])
    assert seen.changed([*BEFORE, event(2, "pause", "")])


def test_what_changed_is_said() -> None:
    with pytest.raises(StateChanged, match=r"nothing was done.*live was daily:2") as refused:
        Seen(decision="promote", offset=1, strategy="alpha").refuse_changed([*BEFORE, swap(2, 3), event(3, "pause")])
    assert refused.value.changed == (
        "strategy alpha: live was daily:2, is daily:3 (promoted) since 2023-11-15 12:02:03 UTC by olga: why not",
        "strategy alpha was paused since 2023-11-15 12:02:03 UTC by olga: why not",
    )


def test_words_of_every_action() -> None:
    test = {"experiment": "exp", "ratio": 0.5}
    told = [
        text
        for _, text in in_words(
            [
                swap(0, 1),
                event(1, "shadow", model="daily", model_version=2),
                event(2, "unshadow", model="daily", model_version=0),
                event(3, "experiment", model="daily", model_version=2, parameters=test),
                event(4, "experiment", model="daily", model_version=2, parameters={"experiment": "exp", "stop": True}),
                event(5, "position_scale", "", symbols=("A",), parameters={"scale": 0.25}),
                event(6, "parameters", parameters={"long": 0.5}),
                event(7, "dance"),
                swap(8, 2),
            ]
        )
    ]
    assert told == [
        "strategy alpha: live was no model, is daily:1 (promoted)",
        "daily:2 shadows strategy alpha",
        "every version of daily no longer shadows strategy alpha",
        "experiment exp of strategy alpha was started, arm daily:2",
        "experiment exp of strategy alpha was stopped",
        "position scale of A became 0.25",
        "parameters of strategy alpha: long = 0.5",
        "not obeyed: action 'dance' is not known",
        "strategy alpha: live was daily:1, is daily:2 (promoted)",
    ]


def test_names_can_not_turn_a_sentence_round() -> None:
    assert plain("A\u202eB\u2069\n") == "A\\u202eB\\u2069\\u000a"
    assert scope_words("\u202ex", ["<b>"]) == "<b> of strategy \\u202ex"
    assert scope_words("", [f"S{number}" for number in range(7)]) == "S0, S1, S2, S3, S4 and 2 more"
