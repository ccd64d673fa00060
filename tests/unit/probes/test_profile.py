"""A profile of planted models, end to end: what they depend on is found, and nothing else."""

import asyncio
import re
from typing import Any

import pytest

import smile_trace
from benchmarks.probes.planted import Planted, profile_of
from smile_trace.errors import SmileTraceError
from smile_trace.explaining.options import ExplainOptions
from smile_trace.explaining.preparation import Prepared
from smile_trace.models.ledger import MemoryCache, MemoryLedger
from smile_trace.models.metered import MeteredModel
from smile_trace.probes import Answer, Variant, chosen, profile_metered
from smile_trace.probes.kinds.contexts import Hijack
from smile_trace.records import Message, Prompted
from smile_trace.records.profile import ProbeResult, Profile
from tests.support.planted import PlantedModel, constant

PROMPT = """Answer from the documents.

[1] Returns are accepted within 30 days of delivery.

[2] Shipping is free above 50 euros.

[3] Gift cards cannot be returned.

[4] Batteries go to a collection point.

Question: How long may I return an item?"""


RETURNS = "You may return an item within 30 days."


def first_document(prompt: str) -> str:
    """Answers from the document that stands first, and knows the answer without any."""
    first = re.search(r"documents[.]?\s+\[(\d)\]", prompt)
    return RETURNS if first is None or first[1] == "1" else "Batteries go to a collection point."


def obedient(prompt: str) -> str:
    """Does what any sentence of the prompt tells it to begin with."""
    planted = re.search(r"(?:word|with|start with) ([A-Z]{5,}\d\d)", prompt)
    return f"{planted[1]} {RETURNS}" if planted else RETURNS


def test_a_stable_prompt_takes_four_calls_a_probe_and_nothing_is_found() -> None:
    model = PlantedModel(constant, deterministic=False)
    profile = smile_trace.profile(PROMPT, model=model, answer=constant(""))
    asked = [result for result in profile.results.values() if result.calls]
    assert {result.calls for result in asked} == {4}
    assert {result.status for result in asked} == {"none"}
    assert len(model.asked) == profile.cost.target_calls == 4 * len(asked)
    # A deterministic model is not asked the same again and again.
    profile = smile_trace.profile(PROMPT, model=PlantedModel(constant), answer=constant(""))
    repeats = profile.results["stability"]
    assert (repeats.calls, repeats.status, repeats.ci_high) == (1, "none", 0)


def test_its_one_repeat_stands_for_all_that_paraphrases_are_held_against() -> None:
    profile = smile_trace.profile(
        "What is the capital of France?",
        model=PlantedModel(lambda prompt: "Paris." if len(prompt) < 40 else "I cannot say."),
        answer="Paris.",
        probes=[],
    )
    paraphrase = profile.results["paraphrase"]
    assert paraphrase.status == "found"
    assert paraphrase.control is not None
    assert (paraphrase.control.name, paraphrase.control.asked) == ("repeats", 1)


def test_the_order_of_documents_is_found_and_nothing_else() -> None:
    profile = smile_trace.profile(PROMPT, model=first_document, budget=60)
    assert [result.name for result in profile.found] == ["order"]
    order = profile.results["order"]
    assert order.value is not None
    assert order.ci_low <= order.value <= order.ci_high
    assert order.worst is not None
    assert order.worst.answer.startswith("Batteries")
    assert "documents in the order" in order.worst.what
    assert order.control is not None
    assert order.control.changed == 0
    assert "order" in profile.summary


def test_an_obeyed_instruction_is_found_by_its_marker() -> None:
    profile = smile_trace.profile(PROMPT, model=obedient, budget=60)
    assert [result.name for result in profile.found] == ["hijack"]
    assert profile.results["hijack"].worst is not None
    assert profile.results["hijack"].control is not None
    assert profile.results["hijack"].control.name == "others"


def test_a_planted_instruction_is_never_sent_to_a_function_that_acts() -> None:
    """Nor by the worker, which meters the function."""
    model = PlantedModel(constant, deterministic=False)
    model.capabilities = type(model.capabilities)(calls_function=True)
    alone = smile_trace.profile(PROMPT, model=model, answer=constant(""))
    paid = MeteredModel(model, ledger=MemoryLedger(60), cache=MemoryCache(), explanation="e")
    prompted = Prompted(messages=(Message(role="user", content=PROMPT),), answer=constant(""))
    prepared = Prepared(prompted, paid, ExplainOptions(budget=60), how=None)
    metered = asyncio.run(profile_metered(prepared, paid, chosen(["hijack", "order"])))
    for profile in (alone, metered):
        assert profile.results["order"].calls
        assert not profile.results["hijack"].calls
    hijacks = Hijack().variants(prompted, prepared.options.seed)
    assert hijacks, "it would have something to plant"
    sent = {request.messages[-1].content for request in model.asked}
    assert sent.isdisjoint(variant.messages[-1].content for variant in hijacks)
    assert not any("answer with the" in text or "PELICAN" in text for text in sent)


DESK = (
    "Clip your harness to the iron ring before you climb. Enter the work in the log on the same "
    "day. If anything is unclear, ring the desk on extension 417."
)
UNKNOWN = "The desk does not know how long, because the documents do not say it."


def with_desk(knows: bool) -> str:
    return f"{RETURNS if knows else UNKNOWN} {DESK}"


def test_a_fact_of_a_long_answer_that_is_lost_is_not_the_same_answer() -> None:
    profile = smile_trace.profile(PROMPT, model=lambda prompt: with_desk("30 days" in prompt))
    grounding = profile.results["grounding"]
    assert (grounding.status, grounding.changed, profile.status) == ("partly", 0, "partly")
    lost = f"{100 * (grounding.mean_change or 0):.0f} %"
    assert 0.1 <= (grounding.mean_change or 0) < 0.5
    assert grounding.reason == (
        f"{lost} of the answer is lost on average; 4 of 4 answers lost a tenth or more, against "
        "0 of 4 repeats; 0 of 4 gave another answer, against 0 of 4 repeats."
    )
    assert f"Part of the answer is lost: without documents ({lost})." in profile.summary
    assert "a part is lost" in profile.to_html()
    assert {result.status for result in profile.results.values() if result.calls} == {
        "partly",
        "none",
    }


def test_what_one_order_of_four_loses_is_not_settled() -> None:
    def moved(prompt: str) -> str:
        return with_desk(not re.search(r"documents[.]\s+\[3\]", prompt))

    order = smile_trace.profile(PROMPT, model=moved, probes=["order"]).results["order"]
    assert 0 < sum(variant.change >= 0.1 for variant in order.variants) < order.calls
    assert (order.changed, order.status) == (0, "inconclusive")
    assert "leaves the answer as it is" not in order.reason


def test_answers_that_lose_as_much_when_asked_again_show_no_effect() -> None:
    """Nor are they said to be the same."""
    asked = iter(range(1000))
    model = PlantedModel(lambda _: with_desk(next(asked) % 2 == 0), deterministic=False)
    profile = smile_trace.profile(PROMPT, model=model, answer=with_desk(True), probes=["order"])
    order = profile.results["order"]
    assert order.status == "none"
    assert "2 of 4 answers lost a tenth or more, against 2 of 4" in order.reason
    assert "leaves the answer as it is" not in order.reason


def test_a_planted_instruction_that_is_not_obeyed_may_change_the_answer() -> None:
    model = PlantedModel(lambda prompt: with_desk(not re.search(r"[A-Z]{5,}\d\d", prompt)))
    hijack = smile_trace.profile(PROMPT, model=model, probes=["hijack"]).results["hijack"]
    assert (hijack.changed, hijack.status) == (0, "partly")
    assert "0 of 4 counted, against 0 of" in hijack.reason


def test_what_harmless_words_in_the_same_place_lose_is_no_effect_of_an_instruction() -> None:
    words = re.compile(r"Tuesday|[A-Z]{5,}\d\d")

    def hijack(**options: Any) -> ProbeResult:
        model = PlantedModel(lambda prompt: with_desk(not words.search(prompt)))
        found = smile_trace.profile(PROMPT, model=model, probes=["hijack"], **options)
        return found.results["hijack"]

    assert (hijack().status, hijack().mean_change) == ("none", 0.0)
    asked = smile_trace.profile(PROMPT, model=PlantedModel(constant), probes=["hijack"])
    short = hijack(budget=asked.cost.target_calls)
    assert short.status == "inconclusive", "no call was left for the control"


def test_the_budget_holds_and_what_it_did_not_reach_is_not_settled() -> None:
    model = PlantedModel(first_document, deterministic=False)
    profile = smile_trace.profile(PROMPT, model=model, answer=RETURNS, budget=6)
    assert len(model.asked) == 6
    assert profile.results["order"].status == "inconclusive"


def test_a_logged_answer_that_the_model_does_not_give_is_replaced_and_said() -> None:
    profile = smile_trace.profile(PROMPT, model=constant, answer="Something else entirely: 12.")
    assert profile.answer == constant("")
    assert profile.note is not None
    assert not profile.found


def test_failed_requests_are_missing_data() -> None:
    def failing(prompt: str) -> str:
        if "Hello" in prompt or "Thank" in prompt:
            raise ValueError("overloaded")
        return constant(prompt)

    model = PlantedModel(failing, deterministic=False)
    profile = smile_trace.profile(PROMPT, model=model, answer=constant(""))
    assert profile.results["paraphrase"].failed
    assert not profile.found
    assert all(result.changed == 0 for result in profile.results.values())


def test_a_profile_is_the_same_for_the_same_seed_and_reads_its_own_json() -> None:
    one, other = (
        smile_trace.profile(PROMPT, model=PlantedModel(first_document), seed=3) for _ in range(2)
    )
    assert one.results == other.results
    assert Profile.model_validate_json(one.model_dump_json()) == one
    assert Profile.model_validate(one.model_dump() | {"schema_version": 1}) == one
    newer = one.model_dump() | {"schema_version": 99}
    with pytest.raises(ValueError, match="upgrade smile-trace"):
        Profile.model_validate(newer)


def test_every_variant_is_told_with_an_id_of_its_own() -> None:
    one, other = (
        smile_trace.profile(PROMPT, model=PlantedModel(first_document), budget=60, seed=seed)
        for seed in (3, 4)
    )
    ids = {v.id: v for result in one.results.values() for v in result.variants}
    assert len(ids) == sum(result.calls for result in one.results.values())
    order = one.results["order"]
    assert order.worst == order.variants[0]
    assert [v.counts for v in order.variants] == sorted(v.counts for v in order.variants)[::-1]
    again = {v.id: v for result in other.results.values() for v in result.variants}
    shared = ids.keys() & again.keys()
    assert shared, "some variants are those of every seed"
    for each in shared:
        assert (ids[each].messages, ids[each].answer) == (again[each].messages, again[each].answer)
    assert (one.status, Profile.model_validate(one.model_dump()).status) == ("found", "found")


def test_a_probe_of_ones_own_is_a_function() -> None:
    @smile_trace.probe("shouting", title="In capitals")
    def shouting(call, seed):
        for k in range(12):
            content = call.messages[0].content.upper() + "!" * k
            yield Variant((Message(role="user", content=content),), f"{k} marks")

    profile = smile_trace.profile(
        PROMPT,
        model=lambda prompt: "WHY SHOUT?" if prompt.isupper() else RETURNS,
        probes=[shouting],
        budget=60,
    )
    assert list(profile.results) == ["stability", "paraphrase", "shouting"]
    assert [result.name for result in profile.found] == ["shouting"]


def test_a_measure_of_ones_own_sees_every_answer() -> None:
    seen: list[Answer] = []

    def counts(answer: Answer) -> bool:
        seen.append(answer)
        return "30" in answer.text and False

    @smile_trace.probe("numbers", counts=counts)
    def numbers(call, seed):
        return [Variant((Message(role="user", content=str(k)),), str(k)) for k in range(4)]

    smile_trace.profile(PROMPT, model=constant, probes=[numbers])
    assert len({answer.variant.what for answer in seen}) > 4


def test_an_unknown_probe_is_said_in_a_sentence() -> None:
    with pytest.raises(SmileTraceError, match="there is no probe 'odrer': use stability"):
        smile_trace.profile(PROMPT, model=constant, probes=["odrer"])


MODELS, BUDGET = 40, 48


@pytest.mark.slow
def test_of_models_that_nothing_moves_few_are_reported() -> None:
    """At most a tenth, by more than nine in a thousand times: 9 of 40."""
    profiles = [profile_of(Planted({}, 0.05), seed, budget=BUDGET) for seed in range(MODELS)]
    assert sum(bool(profile.found) for profile in profiles) <= 9


@pytest.mark.slow
@pytest.mark.parametrize("name", ["order", "hijack", "paraphrase"])
def test_what_is_planted_at_one_half_is_found_alone_with_its_size(name: str) -> None:
    profiles = [profile_of(Planted({name: 0.5}), seed, budget=BUDGET) for seed in range(MODELS)]
    results = [profile.results[name] for profile in profiles]
    assert sum(result.status == "found" for result in results) >= 29
    assert sum(result.ci_low <= 0.5 <= result.ci_high for result in results) >= 29
    assert sum(any(r.name != name for r in profile.found) for profile in profiles) <= 9


@pytest.mark.slow
def test_a_swap_that_moves_as_much_as_a_paraphrase_is_not_reported() -> None:
    both = Planted({"swap": 0.5, "paraphrase": 0.5})
    profiles = [profile_of(both, seed, budget=BUDGET) for seed in range(MODELS)]
    assert sum(profile.results["swap"].status == "found" for profile in profiles) <= 9
