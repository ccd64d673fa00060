"""explain() with planted models, whose right explanation is known."""

import asyncio
import re
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

import smile_trace
from smile_trace._text.log_context import about, log_fields
from smile_trace.attribution import AnswerSpanNotFound, CannotExplain
from smile_trace.explaining import ExplanationFailed
from smile_trace.explaining.driver import run_in_thread
from smile_trace.hub.check import reproductions
from smile_trace.models import Capabilities, ModelUnavailable, ReasoningRefused
from smile_trace.models.registry import NoModel
from smile_trace.records import Explanation, Message, Reasoning, TextPart
from smile_trace.store import StoreError
from tests.support.planted import PlantedModel, constant, copying

pytestmark = pytest.mark.thorough

PROMPT = "the quick brown fox dog"
"""Of so few words that all of their combinations are asked."""


def test_every_distinct_text_is_really_sent_and_recorded():
    model = PlantedModel(copying("fox"))
    explanation = smile_trace.explain(PROMPT, model=model, seed=3)
    sent = {r.messages[0].content for r in model.asked}
    assert len(sent) == len(model.asked) == explanation.cost.target_calls
    words = PROMPT.split()
    by_hash = {o.text_hash for o in explanation.perturbations}
    assert len(by_hash) == len(sent)
    for request in model.asked:
        [message] = request.messages
        rest = iter(words)  # in the original order, nothing added
        assert all(word in rest for word in message.content.split())


def test_roles_duplicates_and_spaces_are_retained():
    model = PlantedModel(lambda prompt: "yes" if prompt.count("no") >= 2 else "")
    messages = [
        {"role": "system", "content": "Be  brief"},
        {"role": "user", "content": "no no maybe"},
        Message(role="assistant", content="ok"),
    ]
    explanation = smile_trace.explain(messages, model=model)  # type: ignore[arg-type]
    full = next(r for r in model.asked if len(r.messages) == 3)
    assert full.messages == explanation.messages
    assert [m.role for m in full.messages] == ["system", "user", "assistant"]
    assert full.messages[0].content == "Be  brief"
    doubles = [s for s in explanation.segments if s.text == "no"]
    assert len(doubles) == 2
    assert doubles[0].attribution == pytest.approx(doubles[1].attribution, abs=0.1)
    for request in model.asked:
        roles = [m.role for m in request.messages]
        assert roles == sorted(roles, key=["system", "user", "assistant"].index)


@pytest.mark.parametrize(("budget", "answer"), [(4, None), (9, None), (20, "fox")])
def test_the_budget_counts_every_call(budget, answer):
    model = PlantedModel(copying("fox"))
    explanation = smile_trace.explain(PROMPT, model=model, answer=answer, budget=budget)
    assert explanation.answer == "fox"
    assert len(model.asked) == explanation.cost.target_calls <= budget


def test_a_prompt_that_cannot_be_asked_is_an_error_with_the_reason():
    def model(prompt):
        raise ValueError("no luck")

    with pytest.raises(ExplanationFailed, match="no luck"):
        smile_trace.explain(PROMPT, model=model)
    with pytest.raises(ExplanationFailed, match="no luck"):
        smile_trace.explain(PROMPT, model=model, answer="x")


def test_same_seed_same_responses_same_explanation():
    one, two = (
        smile_trace.explain(PROMPT, model=PlantedModel(copying("fox")), seed=7) for _ in range(2)
    )
    same = {"explained_at": None}
    assert one.model_copy(update=same) == two.model_copy(update=same)
    assert Explanation.model_validate_json(one.model_dump_json()) == one


async def test_an_asynchronous_function_inside_a_running_event_loop():
    async def model(prompt):
        await asyncio.sleep(0)
        return copying("fox")(prompt)

    assert smile_trace.explain("a fox here", model=model).ranked[0].text == "fox"


def test_several_threads_at_once():
    def first(word):
        return smile_trace.explain(PROMPT, model=PlantedModel(copying(word))).ranked[0].text

    words = ["fox", "dog", "brown"]
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(first, words)) == words


def test_explaining_inside_a_function_that_is_explained():
    def model(prompt):
        return smile_trace.explain("a fox", model=copying("fox"), budget=4).answer + prompt[:0]

    assert smile_trace.explain("a b", model=model, budget=4).answer == "fox"


async def test_explaining_inside_its_own_loop_is_refused_not_a_deadlock():
    async def model(prompt):
        return smile_trace.explain("a fox", model=copying("fox")).answer

    with pytest.raises(ExplanationFailed, match="inside a model"):
        await asyncio.to_thread(smile_trace.explain, "a b", model=model)


def test_an_interrupt_cancels_what_is_under_way():
    began, handled, gone = threading.Event(), threading.Event(), threading.Event()

    async def model(prompt):
        began.set()
        try:
            await asyncio.sleep(120)
        finally:
            gone.set()

    def interrupt():
        began.wait(60)
        while not handled.wait(0.5):  # one that comes just before a wait begins is not seen
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)  # type: ignore[arg-type]

    def on_interrupt(*_):
        if not handled.is_set():
            handled.set()
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, on_interrupt)
    try:
        threading.Thread(target=interrupt).start()
        with pytest.raises(KeyboardInterrupt):
            smile_trace.explain("a b", model=model)
        assert gone.wait(60)
    finally:
        signal.signal(signal.SIGINT, before)


def test_protecting_roles_texts_and_patterns():
    messages = [{"role": "system", "content": "be kind"}, {"role": "user", "content": PROMPT}]
    explanation = smile_trace.explain(
        messages,
        model=PlantedModel(copying("fox")),
        protect=["system", "quick", re.compile("br.wn")],
    )
    protected = {s.text for s in explanation.segments if s.protected}
    assert {"be", "kind", "quick", "brown"} <= protected
    assert "fox" not in protected
    assert explanation.settings.protect == ("system", "quick", "/br.wn/")


def test_a_rendering_brings_its_variables():
    prompt = smile_trace.Prompt("greet", version="1", template="Say hello to {name} in {language}")
    explanation = smile_trace.explain(
        prompt.format(name="Ada Lovelace", language="Greek"),
        model=PlantedModel(copying("Greek")),
        unit="variable",
        budget=12,
    )
    assert explanation.ranked[0].text == "Greek"


def test_the_hook_is_called_after_every_round():
    rounds = []
    smile_trace.explain(
        PROMPT,
        model=PlantedModel(copying("fox")),
        on_round=lambda perturbations, responses: rounds.append(
            (len(perturbations), len(responses))
        ),
    )
    assert len(rounds) > 1
    assert all(asked == answered for asked, answered in rounds)


def test_fresh_asks_again():
    class CachedModel(PlantedModel):
        identity = "planted for this test"

    model = CachedModel(copying("fox"))
    first = smile_trace.explain(PROMPT, model=model)
    asked = len(model.asked)
    again = smile_trace.explain(PROMPT, model=model)
    assert len(model.asked) == asked
    assert again.cost.cached_calls == first.cost.target_calls
    assert again.cost.target_calls == 0
    smile_trace.explain(PROMPT, model=model, fresh=True)
    assert len(model.asked) == 2 * asked


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ({"prompt": ""}, ExplanationFailed, "empty"),
        ({"prompt": " \n\t "}, ExplanationFailed, "empty"),
        ({"prompt": []}, ExplanationFailed, "empty"),
        ({"prompt": "\ud800 half a character"}, ExplanationFailed, "surrogate"),
        ({"prompt": b"bytes"}, TypeError, "bytes"),
        ({"prompt": 7}, TypeError, "int"),
        ({"prompt": [{"role": "user"}]}, TypeError, "role and a content"),
        ({"prompt": [{"role": "user", "content": 3}]}, TypeError, "role and a content"),
        ({"prompt": ["text"]}, TypeError, "str"),
        ({"prompt": "a b", "answer": 3}, TypeError, "answer"),
        ({"prompt": "a b", "budget": 3}, ValueError, "at least 4"),
        ({"prompt": "a b", "model": 3}, TypeError, "function"),
        ({"prompt": "a b", "model": None}, TypeError, "model"),
        ({"prompt": "a b", "model": "gpt-none"}, NoModel, r"\[models"),
        ({"prompt": "a b", "signal": "probability"}, ExplanationFailed, "probabilities"),
        ({"prompt": "a b", "trace_id": "x"}, TypeError, "either"),
        ({"trace_id": "0" * 32}, StoreError, "nothing of smile-trace"),
        ({}, TypeError, "either"),
    ],
)
def test_wrong_arguments_say_what_is_wrong(arguments, error, says):
    with pytest.raises(error, match=says):
        smile_trace.explain(**{"model": constant, **arguments})


def test_message_parts_that_are_texts():
    content = [{"type": "text", "text": "a fox"}, {"type": "text", "text": "here"}]
    explanation = smile_trace.explain(
        [{"role": "user", "content": content}], model=PlantedModel(copying("fox"))
    )
    assert explanation.messages[0].content == "a fox\nhere"


@pytest.mark.parametrize(
    "prompt",
    [
        "one",
        "!!! ... ???",
        "<script>alert(1)</script> ]]> {braces} {0} %s | a | b |\n|--|--| \x1b[31m \x00 end",
        "东京是日本的首都",
    ],
)
def test_hostile_prompts_have_a_defined_result(prompt):
    model = PlantedModel(lambda text: text[:20])
    try:
        explanation = smile_trace.explain(prompt, model=model, budget=12)
    except CannotExplain:
        assert prompt in ("one", "!!! ... ???")
    else:
        assert explanation.messages[0].content == prompt
        assert model.asked[0].messages[0].content == prompt


def test_an_unreachable_endpoint(tmp_path, monkeypatch):
    (tmp_path / "smile_trace.toml").write_text(
        '[models.gone]\nkind = "endpoint"\nbase_url = "http://127.0.0.1:9/v1"\nretries = 0\n'
    )
    with pytest.raises(ModelUnavailable, match="does not answer"):
        smile_trace.explain(PROMPT, model="gone")


SAY = "what Anna and Bernd do"


class CachedModel(PlantedModel):
    """Its answers are cached in this process, as those of a model of the settings are."""

    identity = "two sentences"


def two_sentences(prompt):
    anna = "Anna paints boats." if "Anna" in prompt else "Nobody is there."
    return f"{anna} {'Bernd bakes bread.' if 'Bernd' in prompt else 'Rain fell on the moor.'}"


@pytest.fixture(autouse=True)
def _no_settings(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SMILE_TRACE_HOME", str(tmp_path / "home"))


def test_further_parts_of_an_answer_cost_no_call():
    model = CachedModel(two_sentences)
    whole = smile_trace.explain(SAY, model=model)
    asked = len(model.asked)
    assert asked == whole.cost.target_calls > 10
    for said, driver in (("Anna paints boats.", "Anna"), ("Bernd bakes bread.", "Bernd")):
        explanation = smile_trace.explain(SAY, model=model, answer_part=said)
        assert explanation.ranked[0].text == driver
        assert explanation.answer[slice(*explanation.answer_part)] == said
        assert explanation.cost.target_calls == 0
        assert Explanation.model_validate_json(explanation.model_dump_json()) == explanation
    assert len(model.asked) == asked


def test_a_missing_part_is_reported_after_one_call_at_most():
    model = PlantedModel(two_sentences)
    with pytest.raises(AnswerSpanNotFound, match=r"“Clara”.*copy it"):
        smile_trace.explain(SAY, model=model, answer_part="Clara")
    assert len(model.asked) == 1  # the answer was not known
    with pytest.raises(AnswerSpanNotFound, match="empty"):
        smile_trace.explain(SAY, model=model, answer="Anna", answer_part=" ")
    assert len(model.asked) == 1


def test_first_token_probabilities_cannot_explain_a_part(tmp_path):
    (tmp_path / "smile_trace.toml").write_text(
        '[models.far]\nkind = "endpoint"\nbase_url = "http://127.0.0.1:9/v1"\n'
    )
    with pytest.raises(ExplanationFailed, match='"text"'):
        smile_trace.explain(
            SAY, model="far", answer="Anna", answer_part="Anna", signal="probability"
        )


async def test_what_the_studies_log_says_which_of_two_calls_it_is_about() -> None:
    async def explain(call_id: str) -> list[str | int]:
        with about(call_id=call_id):
            return [(await run_in_thread(log_fields))["call_id"] for _ in range(3)]

    one, two = await asyncio.gather(explain("a:1"), explain("b:1"))
    assert (set(one), set(two)) == ({"a:1"}, {"b:1"})
    assert await run_in_thread(log_fields) == {}


def reasons(prompt):
    """Thinks of the cat, and answers with the fox."""
    thought = "The cat sleeps on the warm roof." if "cat" in prompt else "Nothing comes to mind."
    answer = "The fox runs." if "fox" in prompt else "Nobody is there."
    return f"<think>{thought}</think>\n\n{answer}"


@pytest.mark.parametrize("answer", [None, reasons("cat fox")])
@pytest.mark.parametrize(
    ("part", "explained", "driver"),
    [
        (None, "The fox runs.", "fox"),
        ("reasoning", "The cat sleeps on the warm roof.", "cat"),
        ("The fox", "The fox runs.", "fox"),
    ],
)
def test_reasoning_is_no_part_of_the_answer_unless_asked_for(part, explained, driver, answer):
    found = smile_trace.explain(
        "a cat saw one fox", model=PlantedModel(reasons), answer=answer, answer_part=part
    )
    assert found.answer == explained
    assert [segment.text for segment in found.drivers] == [driver]
    assert found.of_reasoning == (part == "reasoning")
    assert ("the model's reasoning before its answer" in found.summary) == found.of_reasoning


def test_reasoning_alone_is_explained_only_where_it_is_asked_for():
    logged = "<think>The cat sleeps on the warm"
    with pytest.raises(CannotExplain, match=r'only reasoning.*answer_part="reasoning"'):
        smile_trace.explain("a cat saw one fox", model=PlantedModel(reasons), answer=logged)
    found = smile_trace.explain(
        "a cat saw one fox", model=PlantedModel(reasons), answer=logged, answer_part="reasoning"
    )
    assert [segment.text for segment in found.drivers] == ["cat"]


def test_replies_that_end_in_their_reasoning_are_no_answers_that_lost_everything():
    """Half of them: the words without which the model thinks too long are not drivers."""

    def thinks_long(prompt):
        return reasons(prompt) if "one" in prompt else "<think>Let me see. How many are there?"

    model = PlantedModel(thinks_long)
    found = smile_trace.explain("a cat saw one fox", model=model, answer=reasons("cat fox"))
    failed = [row for row in found.perturbations if row.response is None]
    assert failed
    assert all("while it was still reasoning" in row.failure for row in failed)
    assert [segment.text for segment in found.segments if segment.fails_without] == ["one"]
    assert "A reply reached the logged request's limit while the model was" in found.summary


def _said_before(thought):
    """A conversation with what the model thought before it said something."""
    return [
        Message(role="user", content="a cat saw one fox"),
        Message(role="assistant", parts=(thought, TextPart(content="Go on, please."))),
        Message(role="user", content="What happens?"),
    ]


@pytest.mark.parametrize(
    ("logged", "status"),
    [("The fox runs.", "reliable"), ("The fox runs today.", "partial"), ("Rain.", "inconclusive")],
)
def test_without_its_earlier_reasoning_an_answer_is_to_be_given_back(logged, status):
    found = smile_trace.explain(
        _said_before(Reasoning(content="Today.")), model=PlantedModel(reasons), answer=logged
    )
    assert (found.status, found.fidelity.reproduced) == (status, status != "inconclusive")
    assert (
        "The model was asked without its earlier reasoning: it was captured without its"
        in found.summary
    )
    assert ("does not quite reproduce the logged answer" in found.fidelity.reason) == (
        status == "partial"
    )
    assert not any(isinstance(part, Reasoning) for m in found.messages for part in m.parts)


def test_what_it_made_no_difference_to_is_not_denied_of_another_answer():
    found = smile_trace.explain(
        _said_before(Reasoning(content="Today.")),
        model=PlantedModel(lambda prompt: "The fox runs."),
        answer="The fox runs today.",
    )
    assert found.status == "inconclusive"
    assert "capture the reasoning as the server gave it" in found.fidelity.reason


@pytest.mark.parametrize("unit", ["auto", "reasoning", "sentence", "word"])
@pytest.mark.parametrize("inline", [False, True])
def test_earlier_reasoning_is_one_part(unit, inline):
    thought = "1. The code is kept. 2. It is 4711."
    text = f"<think>{thought}</think>\nGo on, please. I listen." if inline else "Go on, please."
    said = {"role": "assistant", "content": text, **({} if inline else {"reasoning": thought})}
    found = smile_trace.explain(
        [{"role": "user", "content": "Keep it."}, said, {"role": "user", "content": "Say it."}],
        model=PlantedModel(lambda prompt: "4711" if "4711" in prompt else "No code."),
        unit=unit,
    )
    [driver] = found.drivers
    assert (driver.unit, driver.name) == ("reasoning", "1. The code is kept. 2. It is 4711")
    assert "the assistant's reasoning “1. The code is kept. 2. It is 4711”" in found.summary
    assert sum(s.unit == "reasoning" for s in found.segments) == 1


def _thinks(request):
    return any(isinstance(part, Reasoning) for m in request.messages for part in m.parts)


class _Bound(PlantedModel):
    """Refuses reasoning as soon as a word before it is removed, as newer models do."""

    capabilities = Capabilities(takes_reasoning=("signature",), remote=True)

    async def generate(self, requests):
        for request in requests:
            if _thinks(request) and request.messages[0].content != "a cat saw one fox":
                raise ReasoningRefused("it is bound")
        return await super().generate(requests)


def test_reasoning_that_the_server_refuses_is_left_out_within_the_budget():
    thought = Reasoning(content="hm", extra={"signature": "s"})
    model = _Bound(reasons, deterministic=False)
    found = smile_trace.explain(_said_before(thought), model=model, answer="The fox runs.")
    assert found.status == "reliable"
    assert "The model was asked without its earlier reasoning: it is bound." in found.summary
    assert 0 < sum(map(_thinks, model.asked)) < len(model.asked) <= found.settings.budget
    [again, *_] = reproductions(found)
    assert (again.fidelity, again.summary) == (found.fidelity, found.summary)
