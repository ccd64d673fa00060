"""The contract suite of a dialect."""

import copy
import json
import random
import re
from collections.abc import Iterator, Sequence
from typing import Any

from smile_trace._guards.foreign import ForeignDataError
from smile_trace.dialects import Dialect
from smile_trace.records import JSON, Call, Span

COMBINATIONS = 300
_FOREIGN: tuple[dict[str, JSON], ...] = (
    {},
    {"http.request.method": "GET", "session.id": "s"},
    {"gen_ai.operation.name": "chat", "gen_ai.input.messages": "[]"},
    {"openinference.span.kind": "LLM", "llm.input_messages.0.message.content": "hi"},
    {"smile_trace.kind": "context", "smile_trace.input": "{}"},
)
_HOSTILE: tuple[JSON, ...] = (
    *(None, True, 0, -1, 10**30, 0.5, float("nan"), "", "text", "{", "\x00\u202e<b>{x}%s"),
    *([], [None], [[1]], [5, "x"], {}, {"role": None}, {"role": 1, "content": [5]}),
    *([{"parts": 5}], [{"parts": [None, {"type": [], "content": {}}]}], "[" * 100_000),
)


def check_dialect(dialect: Dialect, examples: Sequence[Span]) -> None:
    """Check that a dialect keeps its contract; with pytest, call it in a test.

    The examples are read, then spoilt in every way that a program may spoil them: attributes
    missing, of another type, of another number, nested wrongly. In each case the dialect must
    return a Call or not recognise the span.

    Args:
        examples: spans of this dialect, each of them a call; at least one with a text answer.

    Raises:
        AssertionError: the sentence says what was broken, and by which attributes.
    """
    name = dialect.name
    assert str(name).isidentifier(), f"the name {name!r} is no identifier"
    assert examples, f"{name}: there are no examples"
    calls = [_check_example(dialect, span) for span in examples]
    assert any(call.answer for call in calls), f"{name}: no example has an answer"
    for attributes in _FOREIGN:
        span = _with(examples[0], attributes)
        ours = any(span.attributes.keys() & example.attributes.keys() for example in examples)
        assert ours or not dialect.recognises(span), f"{name}: it recognises {attributes}"
    for span in examples:
        for attributes in _spoilt(span.attributes):
            _check_hostile(dialect, _with(span, attributes), span)


def _check_example(dialect: Dialect, span: Span) -> Call:
    where = f"{dialect.name}: the example {span.name!r}"
    before = copy.deepcopy(span)
    recognised = dialect.recognises(span)
    assert isinstance(recognised, bool), f"{where} recognises() gave {recognised!r:.80}, no bool"
    assert recognised, f"{where} is not recognised"
    call = dialect.read_call(span)
    assert isinstance(call, Call), f"{where} read_call() gave a {type(call).__name__}, no Call"
    assert span == before, f"{where} was changed while it was read"
    assert call == dialect.read_call(span), f"{where} is read differently the second time"
    assert call.messages, f"{where} has no messages"
    again = Call.model_validate_json(call.model_dump_json())
    assert again == call, f"{where} is another call after it went through JSON"
    _check_call(call, span, where)
    return call


def _check_hostile(dialect: Dialect, span: Span, example: Span) -> None:
    where = f"{dialect.name}: the example {example.name!r} with {_difference(span, example)}"
    try:
        recognised = dialect.recognises(span)
        call = dialect.read_call(span) if recognised else None
    except ForeignDataError:
        return
    except Exception as error:
        raise AssertionError(f"{where} it raised {type(error).__name__}: {error}") from error
    assert isinstance(recognised, bool), f"{where} recognises() gave {recognised!r:.80}, no bool"
    if recognised:
        assert isinstance(call, Call), f"{where} read_call() gave a {type(call).__name__}, no Call"
        call.model_dump_json()
        _check_call(call, span, where)


def _check_call(call: Call, span: Span, where: str) -> None:
    for field in ("trace_id", "span_id", "start_ns", "end_ns"):
        said = getattr(call, field)
        assert said == getattr(span, field), f"{where} has the {field} {said!r}"
    explained = call.answer is not None or call.no_content or call.status != "returned"
    assert explained, f"{where} has no answer, and no_content does not say why"
    for use in call.prompts:
        content = call.messages[use.message].content
        assert 0 <= use.start <= use.end <= len(content), (
            f"{where} has a prompt outside its message"
        )


def _difference(spoilt: Span, example: Span) -> str:
    """Describe how the attributes differ from the example's."""
    given, before = spoilt.attributes, example.attributes
    changed = {k: v for k, v in given.items() if k not in before or repr(before[k]) != repr(v)}
    missing = [k for k in before if k not in given]
    return f"{str(changed)[:2000]}" + (f" and without {', '.join(missing)}," if missing else "")


def _with(span: Span, attributes: dict[str, JSON]) -> Span:
    return span.model_copy(update={"attributes": copy.deepcopy(attributes)})


def _spoilt(attributes: dict[str, JSON]) -> Iterator[dict[str, JSON]]:
    """Yield the attributes with one of them missing, renumbered or spoilt, then random mixtures."""
    variants: dict[str, list[JSON]] = {}
    for key, value in attributes.items():
        yield {k: v for k, v in attributes.items() if k != key}
        for number in ("7", "999999999", "x", "-1", ""):
            other = re.sub(r"(?<=\.)\d+(?=\.|$)", number, key)
            if other != key:
                yield {(other if k == key else k): v for k, v in attributes.items()}
        variants[key] = [value, *_variants(value)]
        for variant in variants[key]:
            yield {**attributes, key: variant}
    generator = random.Random(0)
    for _ in range(COMBINATIONS):
        keys = generator.sample(list(variants), generator.randint(1, len(variants)))
        yield {key: generator.choice(variants[key]) for key in keys}


def _variants(value: JSON) -> Iterator[JSON]:
    """Yield a value spoilt at each place in it; JSON text stays JSON text."""
    yield from _HOSTILE
    try:
        nested = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return
    if isinstance(nested, dict | list):
        for variant in _nested(nested):
            yield json.dumps(variant) if isinstance(value, str) else variant


def _nested(value: Any) -> Iterator[JSON]:
    yield from _HOSTILE
    if not isinstance(value, dict | list):
        return
    for key, item in value.items() if isinstance(value, dict) else enumerate(value):
        for variant in _nested(item):
            spoilt = copy.copy(value)
            spoilt[key] = variant
            yield spoilt
