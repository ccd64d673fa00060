"""What of a call is explained: options of its prompt or function, documents, an assumed prompt."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import smile_trace
from smile_trace.errors import ReasonCode
from smile_trace.explaining.options import ExplainOptions
from smile_trace.records import Call, Explanation, Message, PromptUse, Span
from smile_trace.settings import Settings, SettingsError
from smile_trace.worker.run import run
from tests.support.capture_fixtures import capturing_into
from tests.support.fake_tracker import FakeTracker
from tests.support.planted import PlantedServer
from tests.support.spooled import START, call_span, span_id, trace_id, write_spool
from tests.support.worker_settings import PROMPT, WORD, capture

Configure = Callable[..., Settings]


def explained(settings: Settings) -> Explanation:
    """The explanation of the one call in the spool."""
    tracker = FakeTracker()
    status = run(settings, once=True, trackers=[tracker])
    assert status.explained == 1, status
    [item] = tracker.explanations.values()
    return item.explanation


def _call(name: str, *prompts: str) -> Call:
    uses = [
        PromptUse(name=prompt, version="1", template="x", message=0, start=0, end=1)
        for prompt in prompts
    ]
    return Call(
        trace_id="1" * 32,
        span_id="2" * 16,
        name=name,
        messages=(Message(role="user", content="xy"),),
        prompts=tuple(uses),
        start_ns=1,
        end_ns=2,
    )


def test_a_prompt_goes_before_its_function(configure: Configure) -> None:
    explain: dict[str, Any] = {
        "unit": "sentence",
        "prompt:greet": {"unit": "variable", "calls": 12},
        "function:answer": {"unit": "document", "protect": ["system"], "calls": 900},
    }
    settings = configure(explain=explain)

    def options(call: Call) -> ExplainOptions:
        return ExplainOptions.from_settings(settings, "planted", call)

    assert options(_call("other")).unit == "sentence"
    own = options(_call("answer"))
    assert (own.unit, own.protect, own.budget) == ("document", ("system",), 20)
    both = options(_call("answer", "greet", "another"))
    assert (both.unit, both.protect, both.budget) == ("variable", ("system",), 12)


def test_a_wrong_name_is_one_sentence(configure: Configure) -> None:
    with pytest.raises(SettingsError, match="unit"):
        configure(explain={"prompt:greet": {"unit": "syllable"}})
    with pytest.raises(SettingsError, match=r"unit: /\(/ is not a valid regular expression"):
        configure(explain={"prompt:greet": {"unit": "/(/"}})
    with pytest.raises(SettingsError, match="promt"):
        configure(explain={"promt:greet": {"unit": "word"}})


@pytest.mark.slow
@pytest.mark.parametrize(
    ("unit", "named"), [("document", "'document'"), ("/no such text/", "/no such text/")]
)
def test_a_unit_that_does_not_occur_falls_back_with_a_note(
    unit: str, named: str, configure: Configure, server: PlantedServer
) -> None:
    settings = configure(explain={"unit": unit})
    capture(settings, 1)
    explanation = explained(settings)
    [note] = explanation.notes
    assert note.code is ReasonCode.UNIT_MISSING
    assert named in note.text
    assert explanation.summary.endswith(note.text)
    assert explanation.ranked[0].text.startswith(WORD)
    assert len(explanation.segments) == len(PROMPT.split())


@pytest.mark.slow
def test_the_unit_of_a_function_may_be_a_pattern(
    configure: Configure, server: PlantedServer
) -> None:
    pattern = r"\w+"
    settings = configure(explain={"function:chat planted": {"unit": f"/{pattern}/"}})
    capture(settings, 1)
    explanation = explained(settings)
    assert explanation.settings.pattern == pattern
    assert explanation.settings.unit == "span"
    assert [s.text for s in explanation.segments] == [f"{word}1" for word in PROMPT.split()]
    assert explanation.ranked[0].text.startswith(WORD)
    assert not explanation.notes


DOCUMENTS = {
    "returns": "Returns are accepted within 30 days in the original box.",
    "warranty": "The warranty of a kettle lasts 24 months from the day of purchase.",
    "lamp": "The blue lamp is sold out until the end of March.",
}
WARRANTY = "Your kettle has a warranty of 24 months."


def test_the_document_that_drives_is_named_by_its_id(
    configure: Configure, server: PlantedServer
) -> None:
    """From the retriever's span: the prompt has no form of its own for documents."""
    server.function = lambda prompt: WARRANTY if "24 months" in prompt else "I do not know."
    settings = configure(explain={"unit": "document"})
    items = [{"id": name, "content": text} for name, text in DOCUMENTS.items()]
    retriever = Span(
        trace_id=trace_id(1),
        span_id=span_id(7),
        name="retrieve",
        start_ns=START - 100,
        end_ns=START,
        attributes={"gen_ai.retrieval.documents": json.dumps(items)},
        scope="another",
    )
    prompt = f"Answer from this: {' '.join(DOCUMENTS.values())} How long is my warranty?"
    temperature = {"gen_ai.request.temperature": 0.0}
    call = call_span(1, prompt=prompt, answer=WARRANTY, parent=span_id(9), **temperature)  # type: ignore[arg-type]
    around = call_span(1, span=9, prompt=prompt, answer=None, **{"smile_trace.kind": "context"})  # type: ignore[arg-type]
    write_spool(
        settings.spool,
        [retriever.model_copy(update={"parent_id": span_id(9)}), call, around],
    )
    tracker = FakeTracker()
    status = run(settings, once=True, trackers=[tracker])
    assert status.explained == 1, status
    [item] = tracker.explanations.values()
    assert [d.id for d in item.call.documents] == list(DOCUMENTS)
    explanation = item.explanation
    assert explanation.status == "reliable"
    [driver] = explanation.drivers
    assert (driver.unit, driver.key, driver.text) == (
        "document",
        "document:warranty",
        DOCUMENTS["warranty"],
    )


QUESTION = "which city is the Eiffel Tower in please"
ANSWER = "Paris, France."
MOST_TOKENS = 12


@pytest.fixture
def home(settings: Settings) -> Iterator[Path]:
    """Capture writes into the worker's home."""
    with capturing_into(settings.home):
        yield settings.home


def city(prompt: str) -> str:
    """Where it is, by one word."""
    return ANSWER if "Eiffel" in prompt else "I do not know that, I am afraid, my friend."


def instructed(prompt: str) -> str:
    """As the application's own request, which holds instructions, is answered."""
    return "The boat leaves at nine from the old harbour, and a ticket costs 12 EUR."


def asked(settings: Settings, ask: Callable[[str], str]) -> Explanation:
    """The explanation of one call of a decorated function."""
    smile_trace.trace(model="planted")(ask)(QUESTION)
    return explained(settings)


@pytest.mark.slow
def test_what_a_bare_decorator_saw_is_assumed_to_be_the_prompt(
    home: Path, configure: Callable[..., Settings], server: PlantedServer
) -> None:
    """It is replayed with answers about as long as its own, and says what it assumes."""
    server.function = city
    budget: dict[str, Any] = {"calls_per_explanation": 40, "usd_per_explanation": None}
    explanation = asked(configure(budget=budget), lambda question: city(question))
    assert len(server.bodies) <= 40
    assert {body["max_tokens"] for body in server.bodies} == {MOST_TOKENS}
    assert explanation.ranked[0].text == "Eiffel"
    assert explanation.ranked[0].significant
    [note] = explanation.notes
    assert note.code is ReasonCode.PROMPT_ASSUMED
    assert "record()" in note.text
    assert explanation.summary.endswith(note.text)


@pytest.mark.slow
def test_what_the_function_adds_is_noticed(
    home: Path, settings: Settings, server: PlantedServer
) -> None:
    server.function = city
    explanation = asked(settings, lambda question: instructed(question))
    assert explanation.fidelity.status == "inconclusive"
    assert [note.code for note in explanation.notes] == [ReasonCode.PROMPT_ASSUMED]
    before = len(server.bodies)
    smile_trace.trace(model="planted")(lambda question: instructed(question))(QUESTION)
    status = run(settings, once=True, trackers=[FakeTracker()])
    [skipped] = status.skipped_by_reason
    assert skipped.code is ReasonCode.PROMPT_ASSUMED
    assert "record()" in skipped.reason
    assert len(server.bodies) == before


@pytest.mark.slow
def test_what_record_tells_is_no_assumption(
    home: Path, settings: Settings, server: PlantedServer
) -> None:
    server.function = city

    def ask(question: str) -> str:
        messages = [{"role": "user", "content": question}]
        smile_trace.record(messages=messages, parameters={"max_tokens": 64})
        return city(question)

    explanation = asked(settings, ask)
    assert explanation.notes == ()
    assert {body["max_tokens"] for body in server.bodies} == {64}
