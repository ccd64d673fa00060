# ruff: noqa: E501  the corpus reads best as a table
"""No secret reaches the disk: 60 kinds in 200 contexts; and what must not be taken for one."""

import itertools
import json
import random
import string
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    StatusCode,
    TraceFlags,
    TraceState,
    set_span_in_context,
)

import smile_trace
from smile_trace._guards import internal_errors
from smile_trace._guards.redaction import _GROUPS, FAILED, _search_for, move, redact
from smile_trace.records import Span
from smile_trace.testing import Captured, captured
from smile_trace.worker.redaction import Redaction

_random = random.Random(4)
_LETTERS = string.ascii_letters + string.digits


def some(length: int, alphabet: str = _LETTERS) -> str:
    """Characters as a real token has them: some of each kind."""
    return "".join(_random.choices(alphabet, k=length))


HEX = "0123456789abcdef"
SECRETS = [
    "sk-" + some(48), "sk-proj-" + some(60, _LETTERS + "_-"), "sk-ant-api03-" + some(80) + "-" + some(8),
    "sk-or-v1-" + some(64, HEX), "sk-svcacct-" + some(40), "sk-lf-" + some(8) + "-" + some(12) + "-" + some(20),
    "sk-" + some(16), "AKIA" + some(16, string.ascii_uppercase + string.digits),
    "ASIA" + some(16, string.ascii_uppercase + string.digits), "AIza" + some(35, _LETTERS + "_-"),
    "ya29." + some(60, _LETTERS + "_-"), "GOCSPX-" + some(28), "ghp_" + some(36), "gho_" + some(36),
    "ghu_" + some(36), "ghs_" + some(36), "ghr_" + some(36), "github_pat_" + some(22) + "_" + some(59),
    "glpat-" + some(20), "gldt-" + some(20), "glrt-" + some(20), "xoxb-" + some(12, "123456789") + "-" + some(24),
    "xoxp-" + some(12, "123456789") + "-" + some(12, "123456789") + "-" + some(32, HEX),
    "xoxa-2-" + some(24), "xapp-1-" + some(11) + "-" + some(13, "123456789") + "-" + some(40, HEX),
    "hf_" + some(34), "sk_live_" + some(24), "rk_live_" + some(24), "sk_test_" + some(24),
    "pk_live_" + some(24), "whsec_" + some(32), "SG." + some(22) + "." + some(43),
    "SK" + some(32, HEX), "npm_" + some(36), "pypi-AgEIcHlwaS5vcmc" + some(60), "gsk_" + some(52),
    "xai-" + some(80), "pplx-" + some(48), "r8_" + some(37), "nvapi-" + some(60), "tvly-" + some(32),
    "fw_" + some(24), "lsv2_pt_" + some(32, HEX) + "_" + some(10, HEX), "lsv2_sk_" + some(32, HEX) + "_" + some(10, HEX),
    "dapi" + some(32, HEX), "dop_v1_" + some(64, HEX), "shpat_" + some(32, HEX), "shpss_" + some(32, HEX),
    "ATATT3xFfGF0" + some(60), "lin_api_" + some(40), "ntn_" + some(46), "secret_" + some(43),
    "glsa_" + some(32) + "_" + some(8, HEX), "hvs." + some(90), "dckr_pat_" + some(27),
    some(9, "123456789") + ":AA" + some(33), "eyJhbGciOiJIUzI1NiJ9.eyJ" + some(30) + "." + some(43, _LETTERS + "_-"),
    "eyJ0eXAiOiJKV1QifQ.eyJ" + some(200) + ".", "api_org_" + some(34), "dor_v1_" + some(64, HEX),
    "hvb." + some(60), "gloas-x glft-" + some(20),
]  # fmt: skip
SITUATED = [
    ("Authorization: Bearer {}", some(30)), ("authorization: basic {}", some(24) + "=="),
    ('{{"Authorization": "Bearer {}"}}', some(12)), ("curl -H 'Authorization: token {}'", some(40, HEX)),
    ("aUTHORIZATION: bEARER {}", some(40)),
    ("AUTHORIZATION: BEARER {}", some(40)), ("postgres://user:{}@db.internal:5432/app", "p%40ss-" + some(6)),
    ("https://{}@github.com/x.git", "me:" + some(8)), ("redis://:{}@cache:6379/0", some(10)),
    ("mongodb+srv://u:{}@cluster0.example.net", "hunter2"), ("amqp://guest:{}@mq", "gu-est!"),
    ("aws_secret_access_key = {}", some(40, _LETTERS + "/+")),
    ('"SecretAccessKey": "{}"', some(40, _LETTERS + "/+")), ("AWS_SECRET_ACCESS_KEY={}", some(40, _LETTERS + "/+")),
    ("DefaultEndpointsProtocol=https;AccountName=x;AccountKey={}", some(86, _LETTERS + "+/") + "=="),
    ("Endpoint=sb://x/;SharedAccessKeyName=k;SharedAccessKey={}", some(43) + "="),
    ("https://x.blob.core.windows.net/c?sv=2022&sig={}", some(43) + "%3D"),
    ("https://hooks.slack.com/services/{}", "T0" + some(8) + "/B0" + some(8) + "/" + some(24)),
    ("-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----", some(64) + "\n" + some(60)),
    ("-----BEGIN OPENSSH PRIVATE KEY-----\n{}", some(70)), ("-----BEGIN PRIVATE KEY-----\\n{}", some(64)),
]  # fmt: skip
BEFORE = [
    "", "key: ", "key=", 'api_key="', "`", "(", "\n", "my key is ", "Schlüssel：", "鍵", "{", "export X=", "'", "<b>",
    "\t", "\\n", "/", ",", "é ", "😀",
]  # fmt: skip
AFTER = ["", " ", "\n", '"', "`.", ")", ", and more", "</b>", "'", "。"]
CONTEXTS = list(itertools.product(BEFORE, AFTER))
assert len({*SECRETS, *SITUATED}) >= 60
assert len(CONTEXTS) >= 200

INNOCENT = [
    "The sk-learn package and a task-based risk-averse desk-job",
    "disk-usage-analyzer-for-large-volumes is a long name",
    "https://example.com/a/very/long/path-with-many-words/and_some_underscores/index.html",
    "d41d8cd98f00b204e9800998ecf8427e is the MD5 of nothing",
    "3fa85f64-5717-4562-b3fc-2c963f66afa6",
    "commit 9fceb02d0ae598e95dc970b74767f19372d61af8",
    "https://user@example.com/ and mailto:someone@example.com",
    "at 12:30 write to a:b@c, see http://localhost:8080/@scope/pkg",
    "the bearer of this letter; a bearer bond; Bearer Street",
    "authorization required; basic knowledge of tokens",
    "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
    "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----",
    "def some_really_long_function_name_for_testing(gh_token, hf_model): ...",
    "the secret_key parameter and secret_access_key setting are documented",
    "eyJ is how base64 of a JSON object begins",
    "SGML, SG.x and AKIA are short", "SKU SK1234567890", "Donaudampfschifffahrtsgesellschaftskapitän",
    "タスク-ベースのリスク", "x" * 5000, "a-" * 2000, "-_" * 3000,
]  # fmt: skip


@pytest.mark.parametrize("secret", SECRETS, ids=lambda secret: secret[:9])
def test_no_secret_stays_in_any_context(secret: str) -> None:
    token = secret.split()[-1]
    kept = [(a, b) for a, b in CONTEXTS if token in redact(a + secret + b)[0]]
    assert kept == []


@pytest.mark.parametrize(("place", "secret"), SITUATED, ids=lambda text: text[:20])
def test_no_secret_stays_in_its_place(place: str, secret: str) -> None:
    for before, after in CONTEXTS:
        text, _ = redact(before + place.format(secret) + " " + after)
        assert secret not in text


@pytest.mark.parametrize("text", INNOCENT, ids=lambda text: text[:20])
def test_text_without_secrets_is_unchanged(text: str) -> None:
    assert redact(text) == (text, [])
    for span in spans_with(text, *(n for n in NEIGHBOURS if len(n) > 8)):
        assert Redaction().without_secrets(span) == span


def test_every_field_is_redacted(found: Captured) -> None:
    secret = SECRETS[0]

    @smile_trace.trace(
        metadata={"key": secret, secret: 1}, tags={"t": secret}, session=secret, user=secret
    )
    def ask(prompt: str, other: object) -> str:
        smile_trace.record(parameters={"tools": [{"key": secret}], "stop": [secret]})
        raise ValueError(f"refused: {secret}")

    @smile_trace.trace(name="context")
    def around(*_: object) -> list[str]:
        return [secret]

    with pytest.raises(ValueError, match="refused"):
        ask(f"use {secret}", secret)
    around(secret, {"deep": [{"deeper": secret}]})
    smile_trace.trace(lambda prompt: secret)(secret)
    smile_trace.Prompt("p", version="1", template="{x}").format(x=secret)
    smile_trace.trace(lambda prompt: "x")(secret)
    smile_trace.feedback("a" * 32, 1, comment=secret, name=secret)
    assert len(found.spans) == 5
    assert secret not in b"".join(found.lines).decode()


def test_tools_are_redacted(found: Captured) -> None:
    secret = SECRETS[0]
    function = {"name": "look_up", "arguments": json.dumps({"key": secret})}
    call = {"id": "c1", "type": "function", "function": function}
    called = {"role": "assistant", "content": None, "tool_calls": [call]}
    request = {
        "model": "m",
        "messages": [
            {"role": "user", "content": "go"},
            called,
            {"role": "tool", "tool_call_id": "c1", "content": json.dumps({"token": secret})},
        ],
        "tools": [{"type": "function", "function": {"name": "look_up", "description": secret}}],
    }

    @smile_trace.trace
    def ask(question: str) -> None:
        smile_trace.record(parameters=request, response={"choices": [{"message": called}]})

    ask("go")
    assert secret not in b"".join(found.lines).decode()
    [seen] = found.calls
    assert "redacted" in seen.messages[1].parts[0].arguments
    assert "redacted" in seen.messages[2].content
    assert "redacted" in str(seen.answer)
    assert json.loads(seen.messages[2].content)["token"].startswith("[redacted")


def test_a_secret_across_the_size_limit(found: Captured) -> None:
    """A secret over the edge of a truncated text is replaced whole, or not there at all."""
    smile_trace.trace(lambda prompt: "x")("y" * 262_140 + " " + SECRETS[0] + "z" * 600_000)
    text = found.lines[0].decode()
    assert SECRETS[0][:8] not in text


def test_custom_redactors() -> None:
    smile_trace.configure(redact=[r"ACME-\d+", lambda text: text.replace("Ada", "[name]")])
    with captured() as seen:
        smile_trace.trace(lambda prompt: "to Ada")("Ada asks for ACME-12345")
    [call] = seen.calls
    assert call.messages[0].content == "[name] asks for [redacted]"
    assert call.answer == "to [name]"


def test_a_redactor_that_raises_withholds_the_text() -> None:
    def broken(text: str) -> str:
        raise RuntimeError(text)

    smile_trace.configure(redact=[broken])
    with captured() as seen:
        assert smile_trace.trace(lambda prompt: "answer")("a text") == "answer"
    [call] = seen.calls
    assert call.messages[0].content == FAILED
    assert call.truncated, "what was withheld is never explained"
    assert sum(internal_errors.counts().values()) >= 1
    assert "a text" not in seen.lines[0].decode()


def test_offsets_are_moved_through_redactions() -> None:
    text = f"a {SECRETS[0]} b {SECRETS[1]} c"
    new, steps = redact(text)
    for word in "abc":
        start = text.index(f"{word} ") if word != "c" else len(text) - 1
        assert new[move(start, steps, end=False)] == word
    start, end = text.index(SECRETS[1]), text.index(SECRETS[1]) + len(SECRETS[1])
    moved = new[move(start + 3, steps, end=False) : move(end - 3, steps, end=True)]
    assert moved == "[redacted: openai-key]"


@pytest.mark.parametrize("before", ["key", "mykey_", "KEY1", "Schlüssel"])
def test_a_secret_glued_to_a_word(before: str) -> None:
    openai, github = "sk-" + some(40) + "0Aa1Bb", "ghp_" + some(30) + "0Aa1Bb"
    for secret in (openai, github):
        assert secret not in redact(before + secret)[0]


@pytest.mark.parametrize("invisible", ["\u200b", "\u200d", "\ufeff", "\u2060", "\u00ad", "\u202e"])
def test_a_secret_with_invisible_characters(invisible: str) -> None:
    for secret in SECRETS[:8]:
        for at in (1, 3, len(secret) // 2, len(secret) - 1):
            text = f"é use {secret[:at]}{invisible * 2}{secret[at:]} now"
            redacted = redact(text)[0].replace(invisible, "")
            assert secret not in redacted
            assert redacted.startswith("é use ")
            assert redacted.endswith(" now")
    family = "👩\u200d👩\u200d👧 a\u200db"
    assert redact(family) == (family, [])


@pytest.mark.parametrize("form", ["{}", "my{}", "a.b.{}", "gen_ai.{}", "é {}"])
def test_whatever_another_exporter_s_span_holds_is_redacted(form: str, found: Captured) -> None:
    secret = "sk-" + some(40) + "0Aa1Bb"
    held = form.format(secret if form != "é {}" else f"{secret[:9]}\u200b{secret[9:]}")
    attributes: dict[str, Any] = {held: 1, "k": held, "gen_ai.request.model": "m"}
    context = SpanContext(1, 2, True, TraceFlags(1), TraceState([("k", secret)]))
    resource = Resource({"service.name": "s", **attributes}, schema_url=f"http://x/{secret}")
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(smile_trace.span_processor())
    tracer = provider.get_tracer(held, secret, f"http://x/{secret}", attributes)
    parent = set_span_in_context(NonRecordingSpan(context))
    span = tracer.start_span(held, parent, attributes=attributes, links=[Link(context, attributes)])
    span.add_event(held, attributes)
    span.set_status(StatusCode.ERROR, held)
    span.end()
    [line] = found.lines
    written = json.dumps(json.loads(line), ensure_ascii=False).replace("\u200b", "")
    assert secret not in written
    assert written.count('"gen_ai.request.model"') == 5  # resource, scope, span, link and event
    assert "[redacted: openai-key]" in written


def test_a_redaction_of_the_user_s_changes_no_key_of_the_conventions() -> None:
    smile_trace.configure(redact=["model|content|acme"])
    with captured() as found:
        provider = TracerProvider()
        provider.add_span_processor(smile_trace.span_processor())
        attributes = {"llm.input_messages.0.message.content": "model", "acme.plan": "acme"}
        provider.get_tracer("t").start_span("acme", attributes=attributes).end()
    [line] = found.lines
    assert b'"llm.input_messages.0.message.content"' in line
    assert b"acme" not in line


def test_names_roles_models_and_types_are_redacted(found: Captured) -> None:
    secret = SECRETS[0]
    failure = type(secret, (Exception,), {})

    @smile_trace.trace(name=secret, model=secret, provider=secret)
    def ask(messages: list[dict[str, object]]) -> None:
        raise failure("x")

    with pytest.raises(failure):
        ask([{"role": secret, "content": "x", "name": secret}])
    smile_trace.trace(lambda messages: {"role": secret, "content": "x"})(
        [{"role": "user", "content": [{"type": secret, "x": 1}]}]
    )
    with smile_trace.span(secret):
        pass
    assert len(found.spans) == 3
    assert secret not in b"".join(found.lines).decode()


NEIGHBOURS = (
    "", "a word", "x" * 40, "gen_ai.request.model", "sk-", "Authorization: Bearer", "https://user:", "wo\u200brd",
    "naïve 😀", "\\n", "Key=", "@",
)  # fmt: skip
PLANTED = [*SECRETS, *(form.format(secret) for form, secret in SITUATED)]


def spans_with(*texts: str) -> list[Span]:
    """The texts in each place of a span where another program may write them."""
    first, *others = texts
    ids: dict[str, Any] = {"trace_id": "a" * 32, "span_id": "b" * 16, "start_ns": 1, "end_ns": 2}
    nested = {"deep": [{"deeper": first}, *others]}
    around = dict(enumerate(others))
    attributes = {f"k{number}": text for number, text in around.items()}
    return [
        Span(**ids, name=first, attributes=attributes),
        Span(**ids, name="n", attributes={"before": others[0], "k": first, "after": others[-1]}),
        Span(**ids, name="n", attributes={"k": nested}),
        Span(**ids, name="n", attributes={first: others[0]}, status_message=others[-1]),
        Span(**ids, name="n", status_message=first, attributes=attributes),
        Span(**ids, name="n", events=({"name": first, "attributes": attributes},)),
        Span(**ids, name="n", resource={"service.name": others[0], "k": first}),
    ]


@pytest.mark.parametrize("secret", PLANTED, ids=lambda text: text[:12])
def test_no_neighbour_hides_a_secret(secret: str) -> None:
    """Whatever stands beside it, in whatever field: left is what its text alone becomes."""
    [alone, edits] = redact(secret)
    assert edits
    pairs = list(itertools.product(NEIGHBOURS, repeat=2))
    for before, after in random.Random(len(secret)).sample(pairs, 4):
        for span in spans_with(secret, before, after):
            clean = Redaction().without_secrets(span)
            assert secret not in clean.model_dump_json()
            assert alone in texts_of(clean)


def texts_of(span: Span) -> list[str]:
    found: list[str] = []

    def walk(value: Any) -> None:
        if isinstance(value, str):
            found.append(value)
        for item in value.items() if isinstance(value, dict) else ():
            list(map(walk, item))
        for item in value if isinstance(value, list | tuple) else ():
            walk(item)

    walk(span.model_dump())
    return found


RULES = [rule for group in _GROUPS for rule in group]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.label)
@settings(max_examples=30)
@given(data=st.data())
def test_whatever_a_rule_matches_holds_its_clue(rule: Any, data: st.DataObject) -> None:
    """Of Python's expression and Rust's, which take white space, digits and letters for others."""
    secret = data.draw(st.from_regex(rule.pattern))
    plain = secret.encode("ascii", "replace").decode()
    assert _search_for(rule.clue)(plain)
