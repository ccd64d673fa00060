"""Pooled mode: a few masks on each of many calls, through the real worker."""

from collections import Counter
from pathlib import Path

import pytest

from smile_trace import semconv
from smile_trace.attribution import CannotExplain
from smile_trace.comparison import compare
from smile_trace.comparison.influence.pooled_study import KEEP, PooledStudy
from smile_trace.records import (
    ExplanationSettings,
    Message,
    Prompted,
    PromptUse,
    Response,
    VariableSpan,
)
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.worker.run import run
from tests.support.planted import serving
from tests.support.spooled import call_span, write_spool
from tests.support.worker_settings import settings_tables

TEMPLATE = "Be kind.\nBe brief.\nName one city.\nDo not guess.\nQuestion: {question}\nAnswer:"
SETTINGS = ExplanationSettings(model="m", budget=7, pooled=True)


def _prompted(question: str) -> Prompted:
    text = TEMPLATE.replace("{question}", question)
    start = text.index(question)
    use = PromptUse(
        name="p",
        version="1",
        template=TEMPLATE,
        variables={"question": question},
        message=1,
        start=3,
        end=3 + len(text),
        variable_spans=(
            VariableSpan(name="question", start=3 + start, end=3 + start + len(question)),
        ),
    )
    messages = (Message(role="system", content="sys"), Message(role="user", content=f">> {text}"))
    return Prompted(messages=messages, answer="Paris is it.", prompts=(use,))


def _study(question: str, *, deterministic: bool = True) -> PooledStudy:
    return PooledStudy(
        _prompted(question),
        SETTINGS,
        answer="Paris is it.",
        signal="text",
        deterministic=deterministic,
    )


def test_masks_are_over_the_template_and_the_rest_is_always_sent() -> None:
    study = _study("Where is the Eiffel Tower?")
    rows = study.ask()
    assert study.ask() == []
    assert rows[0].kind == "baseline"
    assert rows[0].messages == study.prompted.messages
    for row in rows:
        sent = row.messages[1].content
        assert row.messages[0].content == "sys"
        assert sent.startswith(">>")
        pieces = ("Be kind.", "Be brief.", "Name one city.", "Do not guess.", "Question:",
                  "Where is the Eiffel Tower?", "Answer:")  # fmt: skip
        assert tuple(piece in sent for piece in pieces) == row.mask
    study.tell(
        (row, Response(text="Paris is it." if "Eiffel" in row.messages[1].content else "No"))
        for row in rows
    )
    found = study.result()
    assert found.partitions[0][5] == "p:1:var:question"
    assert {o.keep_probability for o in found.perturbations if o.kind == "random"} == {KEEP}
    for observation in found.perturbations:
        assert observation.shift is not None
        assert (observation.shift > 0.5) is not observation.mask[5]


def test_calls_get_different_masks_and_the_same_call_the_same() -> None:
    masks = [[row.mask for row in _study(question).ask()] for question in ("a b", "a b", "c d")]
    assert masks[0] == masks[1]
    assert masks[0] != masks[2]


def test_a_sampled_model_gets_two_baselines_and_replicates() -> None:
    rows = _study("why?", deterministic=False).ask()
    assert [row.kind for row in rows].count("baseline") == 2
    assert len({(row.text_hash, row.replicate) for row in rows}) == 7


def test_a_failed_call_is_missing_data() -> None:
    study = _study("why?")
    rows = study.ask()
    study.tell((row, Response(failure="down")) for row in rows)
    assert all(o.shift is None for o in study.result().perturbations)


def test_a_call_without_a_prompt_cannot_be_pooled() -> None:
    prompted = Prompted(messages=(Message(role="user", content="hi there"),), answer="x")
    with pytest.raises(CannotExplain):
        PooledStudy(prompted, SETTINGS, answer="x", signal="text", deterministic=True)


def test_the_worker_pools_a_version_within_its_budget(tmp_path: Path) -> None:
    """Twenty calls of one version: two explained one by one, fifteen pooled, three again alone."""

    def planted_answer(prompt: str) -> str:
        return "Paris is it." if "Eiffel" in prompt and "city" in prompt else "no idea at all"

    with serving(planted_answer) as server:
        tables = settings_tables(
            server.base_url,
            {
                "sampling": {"minimum_per_prompt_version": 2},
                "pooling": {"calls_per_prompt_version": 107},
            },
        )
        settings = Settings(home=tmp_path / "home", **tables)
        spans = []
        for number in range(1, 21):
            prompted = _prompted(f"Where is the Eiffel Tower, guest {number}?")
            use = prompted.prompts[0].model_copy(update={"message": 0, "start": 0})
            text = prompted.messages[1].content.removeprefix(">> ")
            spans_in = [
                span.model_copy(update={"start": span.start - 3, "end": span.end - 3})
                for span in use.variable_spans
            ]
            use = use.model_copy(update={"end": len(text), "variable_spans": tuple(spans_in)})
            found = {
                semconv.PROMPTS: f"[{use.model_dump_json()}]",
                semconv.REQUEST_TEMPERATURE: 0.0,
            }
            spans.append(call_span(number, prompt=text, answer=planted_answer(text), **found))
        write_spool(settings.spool, spans, "a.jsonl")
        status = run(settings, once=True, trackers=[])
        assert status.explained == 20
        assert status.failed == 0
        store = Store.open(settings)
        kinds = Counter(
            bool(explanation and explanation.settings.pooled)
            for call_id in store.traces.find_calls("")
            for explanation in [store.explanation(call_id)]
        )
        store.close()
        assert kinds == {True: 15, False: 5}
        assert len(server.bodies) <= 15 * 7 + 5 * 20
        settings = settings.model_copy(update={"models": {}})
    with pytest.raises(Exception, match="only"):
        compare("p", settings=settings)
    draft = tmp_path / "draft.txt"
    draft.write_text(TEMPLATE.replace("Be kind.\n", ""))
    comparison = compare("p", file=draft, settings=settings)
    [version, after] = comparison.versions
    assert version.explained == 15
    assert version.keep_probabilities == (KEEP,)
    by_text = {i.segment.text: i for i in version.segments}
    assert by_text["{question}"].verdict in ("essential", "matters")
    assert by_text["{question}"].influence > 0.3
    assert by_text["Name one city."].influence > 0.3
    assert any("5 explanations" in why for why in version.dropped)
    assert after.explained == 0
