"""`Prompt`: templates, and their renderings found in what was sent."""

import contextvars
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import smile_trace
from smile_trace import Prompt
from smile_trace._text.prompts import find_renderings
from smile_trace.records import Call
from smile_trace.testing import Captured

ANSWER = Prompt("answer", version="3", template="Be {tone}.\nQuestion: {question}")


@smile_trace.trace
def ask(prompt: Any) -> str:
    return "answer"


def variables_of(call: Call, use: int = 0) -> dict[str, str]:
    """The text at the offsets of each variable."""
    found = call.prompts[use]
    content = call.messages[found.message].content
    return {span.name: content[span.start : span.end] for span in found.variable_spans}


@pytest.fixture(autouse=True)
def fresh_context() -> Any:
    """Renderings of other tests are not remembered."""
    from smile_trace._text.prompts import _renderings

    token = _renderings.set(())
    yield
    _renderings.reset(token)


def test_only_identifiers_in_braces_are_variables() -> None:
    prompt = Prompt("p", version=1, template='{} {0} {a.b} { a } {{a}} {a!r} {"json": 1} {é} {a}')  # type: ignore[arg-type]
    assert prompt.variables == ("a", "é")
    assert prompt.format(a="<{é}>", é=2) == '{} {0} {a.b} { a } {<{é}>} {a!r} {"json": 1} 2 <{é}>'
    assert prompt.version == "1"


def test_a_missing_variable_is_named() -> None:
    with pytest.raises(KeyError, match="question"):
        ANSWER.format(tone="kind")


@pytest.mark.parametrize(
    "around",
    [
        lambda text: text,
        lambda text: f"Before. {text} After.",
        lambda text: json.dumps({"q": text}),
        lambda text: json.dumps({"q": text}, ensure_ascii=False),
        lambda text: [{"role": "system", "content": "s"}, {"role": "user", "content": text}],
    ],
)
def test_a_rendering_is_found_inside_other_text(around: Any, found: Captured) -> None:
    ask(around(ANSWER.format(tone="kind", question='Où est "Paris"?')))
    [call] = found.calls
    [use] = call.prompts
    assert (use.name, use.version, use.template) == ("answer", "3", ANSWER.template)
    assert use.variables == {"tone": "kind", "question": 'Où est "Paris"?'}
    where = variables_of(call)
    assert where["tone"] == "kind"
    escaped = json.dumps('Où est "Paris"?')[1:-1]
    assert where["question"] in ('Où est "Paris"?', 'Où est \\"Paris\\"?', escaped)
    assert not use.ambiguous


def test_several_prompts_in_one_call(found: Captured) -> None:
    system = Prompt("system", version="1", template="You are {who}.")
    messages = [
        {"role": "system", "content": system.format(who="a clerk")},
        {"role": "user", "content": ANSWER.format(tone="kind", question="why?")},
    ]
    ask(messages)
    [call] = found.calls
    assert [(use.name, use.message) for use in call.prompts] == [("answer", 1), ("system", 0)]
    assert variables_of(call, 1) == {"who": "a clerk"}


def test_a_rendering_inside_of_another(found: Captured) -> None:
    inner = Prompt("inner", version="1", template="[{x}]")
    ask(ANSWER.format(tone="kind", question=inner.format(x="y")))
    [call] = found.calls
    assert [use.name for use in call.prompts] == ["answer", "inner"]
    assert variables_of(call, 1) == {"x": "y"}


def test_a_repeated_rendering_is_ambiguous(found: Captured) -> None:
    text = ANSWER.format(tone="kind", question="why?")
    ask(f"{text}\n{text}")
    [use] = found.calls[0].prompts
    assert use.ambiguous
    assert use.start == len(text) + 1


def test_a_rendering_that_was_not_sent_is_not_reported(found: Captured) -> None:
    ANSWER.format(tone="kind", question="why?")
    ask("something else")
    assert found.calls[0].prompts == ()


def test_redaction_moves_the_variables(found: Captured) -> None:
    secret = "sk-" + "a1" * 20
    ask(f"{secret} " + ANSWER.format(tone=f"kind ({secret})", question="why?"))
    [call] = found.calls
    assert secret not in found.lines[0].decode()
    assert variables_of(call) == {"tone": "kind ([redacted: openai-key])", "question": "why?"}
    assert found.spans[0].attributes["smile_trace.redacted"] >= 2


def test_renderings_are_not_shared_between_contexts(found: Captured) -> None:
    text = contextvars.Context().run(lambda: ANSWER.format(tone="kind", question="why?"))
    ask(text)
    assert found.calls[0].prompts == ()


@given(st.text(), st.dictionaries(st.from_regex(r"[a-z]{1,3}", fullmatch=True), st.text()))
def test_offsets_of_variables(template: str, values: dict[str, str]) -> None:
    template += "".join(f" {{{name}}}" for name in values)
    prompt = Prompt("p", version="1", template=template)
    rendering = prompt._render({name: values.get(name, "v") for name in prompt.variables})
    for name, start, end in rendering.spans:
        assert rendering.text[start:end] == rendering.variables[name]


def test_a_rendering_is_looked_for_from_the_end_in_as_many_steps_as_the_text_is_long() -> None:
    """`str.rfind` would take 3·10¹¹ steps here."""
    half = "a" * 300_000
    text = Prompt("p", version="1", template="{half}b{half}").format(half=half)
    [use] = find_renderings([text + "a" * 1_200_000])
    assert (use["start"], use["end"], use["ambiguous"]) == (0, len(text), False)
