"""Pooled mode through the real worker."""

from collections import Counter
from pathlib import Path

import pytest

from smile_trace import semconv
from smile_trace.comparison import compare
from smile_trace.comparison.influence.pooled_study import KEEP
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.worker.run import run
from tests.support.planted import serving
from tests.support.pooled_prompt import TEMPLATE, prompted_with
from tests.support.spooled import call_span, write_spool
from tests.support.worker_settings import settings_tables


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
            prompted = prompted_with(f"Where is the Eiffel Tower, guest {number}?")
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
            spans.append(call_span(number, prompt=text, answer=planted_answer(text), **found))  # type: ignore[arg-type]
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
