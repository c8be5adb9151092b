"""No secret gets through, whatever it looks like and wherever it stands."""

import json
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.masking import MASK, masked_text, masked_value
from infra.settings_report import masked

#: The mark is what is looked for: a secret of one letter would be found anywhere.
MARK = "Zq7Zq7Zq7"
SECRETS = st.text(
    st.characters(min_codepoint=33, max_codepoint=0x2FF, exclude_characters="\x7f\x85\xa0"), max_size=12
).map(lambda text: text[:6] + MARK + text[6:])
PLAIN = st.text("abc DEF 019 _-.:/=@,", max_size=20)


def libpq(secret: str) -> str:
    escaped = secret.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


FORMS = (
    lambda secret: f"postgresql://user:{quote(secret, safe='')}@host:5432/db?sslmode=require",
    lambda secret: f"redis://:{quote(secret, safe='')}@host:6379/0",
    lambda secret: f"rediss://name:{quote(secret, safe='@:')}@host:6379/0",
    lambda secret: f"postgresql://user@host/db?password={quote(secret, safe='')}&sslmode=require",
    lambda secret: f"host=h password={libpq(secret)} user=u",
    lambda secret: f"host=h sslpassword = {libpq(secret)} user=u",
    lambda secret: json.dumps({"sasl.username": "u", "sasl.password": secret}),
    lambda secret: json.dumps({"SIGNALTAPE_API__TOKEN": secret}),
    lambda secret: str({"sasl.password": secret, "a": 1}),
    lambda secret: f"Authorization: Bearer {secret}",
)  # fmt: skip


@given(secret=SECRETS, before=PLAIN, after=PLAIN, form=st.sampled_from(FORMS))
def test_nothing_of_it_is_left_in_a_text(secret: str, before: str, after: str, form: Any) -> None:
    shown = masked_text(f"{before} {form(secret)} {after}")
    assert MARK not in shown
    assert MASK in shown
    assert masked_text(shown) == shown or MARK not in masked_text(shown)


NAMES = (
    "password", "sasl.password", "api.token", "api.tokens", "tokens", "webhook_url", "ssl.key.pem", "client_secret",
    "sasl.jaas.config", "Authorization", "sasl.oauthbearer.config", "credentials",
)  # fmt: skip
SHAPES = (
    lambda value: value,
    lambda value: [value],
    lambda value: {"anna": value},
    lambda value: (value, {"x": [value]}),
    lambda value: value.encode(),
)


@given(secret=SECRETS, name=st.sampled_from(NAMES), wrap=st.sampled_from(SHAPES))
def test_nothing_of_it_is_left_under_a_telling_name(secret: str, name: str, wrap: Any) -> None:
    event = {"event": "x", "more": [{name: wrap(secret)}], name: wrap(secret)}
    assert MARK not in str(masked_value(event))


@pytest.mark.parametrize(
    "text",
    [
        "bars from 10:30 to 11:00 at a@b",
        "check sasl.username, sasl.password and sasl.mechanism in kafka.options",
        "wrong or missing token",
        "this call needs the header Authorization: Bearer <token>",
        "http://127.0.0.1:8787/console",
        "features=http://features:9100, ingest=http://ingest:9100",
        "topic bars.v1[3]: offset 7 key=AAPL",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert masked_text(text) == text


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("api.tokens.anna", "word", MASK),
        ("api.token", "", ""),
        ("api.wrong_tokens_per_minute", 10.0, 10.0),
        ("kafka.options.ssl.key.location", "/etc/key.pem", "/etc/key.pem"),
        ("redis.url", "rediss://u:word@h:1/0?ssl_ca_certs=/ca.pem", f"rediss://u:{MASK}@h:1/0?ssl_ca_certs=/ca.pem"),
    ],
)
def test_settings(name: str, value: Any, shown: Any) -> None:
    assert masked(name, value) == shown
