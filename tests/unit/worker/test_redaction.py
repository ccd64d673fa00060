"""Secrets in spans of others: one search of a span finds what a search of each text does."""

import itertools
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smile_trace.capture.redaction import redact
from smile_trace.capture.redaction.secrets import _CLASSES, _RUN, BEFORE_RUN, _long_runs
from smile_trace.records import Span
from smile_trace.worker.redaction import without_secrets
from tests.unit.capture.test_redaction import INNOCENT, SECRETS, SITUATED

NEIGHBOURS = (
    "",
    "a word",
    "x" * 40,
    "gen_ai.request.model",
    "sk-",
    "Authorization: Bearer",
    "https://user:",
    "wo\u200brd",
    "naïve 😀",
    "\\n",
    "Key=",
    "@",
)
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
    for before, after in random.Random(len(secret)).sample(pairs, 12):
        for span in spans_with(secret, before, after):
            clean = without_secrets(span)
            assert secret not in clean.model_dump_json()
            assert alone in _texts(clean)


@pytest.mark.parametrize("text", INNOCENT, ids=lambda text: text[:12])
def test_a_span_without_secrets_is_the_same_one(text: str) -> None:
    for span in spans_with(text, *(n for n in NEIGHBOURS if len(n) > 8)):
        assert without_secrets(span) == span


def _texts(span: Span) -> list[str]:
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


@given(st.text(alphabet="ab-/ .=é", max_size=400), st.integers(0, 30))
def test_every_long_run_is_in_a_piece_with_what_stands_before_it(text: str, length: int) -> None:
    text = f"{text}{'k' * length}{text[::-1]}"
    pieces = list(_long_runs(text))
    classes = text.encode("ascii", "replace").translate(_CLASSES)
    start = classes.find(_RUN)
    while start >= 0:
        end = (classes + b" ").find(b" ", start)
        assert any(text[max(0, start - BEFORE_RUN) : end] in piece for piece in pieces)
        start = classes.find(_RUN, end)
    assert sum(map(len, pieces)) <= len(text)
