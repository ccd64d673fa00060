"""What mattered over the calls of a prompt, and its pooled mode, through the real worker."""

from collections import Counter
from pathlib import Path

import pytest
from typer.testing import CliRunner

from smile_trace import semconv
from smile_trace._text.prompts import render
from smile_trace.cli.app import app
from smile_trace.comparison import NothingToCompare, compare
from smile_trace.comparison.pooled_study import KEEP
from smile_trace.errors import SmileTraceError
from smile_trace.records import PromptUse, Span, VariableSpan
from smile_trace.records.comparison import Comparison
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.worker.run import run
from tests.support.planted import serving
from tests.support.pooled_prompt import TEMPLATE, prompted_with
from tests.support.spooled import call_span, write_spool
from tests.support.worker_settings import settings_tables

SHOP = (
    "You are the assistant of a shop.\nBe brief.\nNever mention competitors.\n\n"
    "Documents:\n{documents}\n\nQuestion: {question}\nAnswer:"
)
RETURNS = (
    '<document title="Returns">\nReturns are free for thirty days. Keep the receipt.\n</document>'
)
DELIVERY = '<document title="Delivery">\nDelivery takes two days. It costs five euros.\n</document>'
CALLS = 12


def _hotline(prompt: str) -> str:
    return "It takes two days." if "two days" in prompt else "Please call our hotline."


def _of_shop() -> list[Span]:
    spans = []
    for number in range(1, CALLS + 1):
        values = {
            "documents": f"{RETURNS}\n{DELIVERY}",
            "question": f"How long does the delivery of order {number} take?",
        }
        text = render(SHOP, values)
        places = {name: text.index(value) for name, value in values.items()}
        use = PromptUse(
            name="shop", version="3", template=SHOP, variables=values, message=0, start=0,
            end=len(text),
            variable_spans=tuple(
                VariableSpan(name=name, start=at, end=at + len(values[name]))
                for name, at in places.items()
            ),
        )  # fmt: skip
        found = {
            semconv.PROMPTS: f"[{use.model_dump_json()}]",
            semconv.REQUEST_TEMPERATURE: 0.0,
        }
        spans.append(call_span(number, prompt=text, answer=_hotline(text), **found))  # type: ignore[arg-type]
    return spans


@pytest.mark.slow
def test_documents_and_instructions_that_mattered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(_hotline) as server:
        tables = settings_tables(
            server.base_url, {"sampling": {"minimum_per_prompt_version": CALLS}}
        )
        settings = Settings(home=tmp_path / "home", **tables)
        write_spool(settings.spool, _of_shop(), "a.jsonl")
        assert run(settings, once=True, trackers=[]).explained == CALLS
    found = compare("shop", settings=settings)
    [version] = found.versions
    assert found.mattered is not None
    parts = {part.name: part for group in found.mattered.groups for part in group.parts}
    best = parts["Delivery"].mattered
    assert (parts["Delivery"].kind, best.of + best.open) == ("document", CALLS)
    assert best.count >= CALLS - 2
    assert parts["Returns"].mattered.count <= 2
    assert "The document “Delivery” mattered most often" in found.summary
    # The template's parts, as the explanations cut it; its documents are the variable's value.
    verdicts = {item.segment.text: item.verdict for item in version.segments}
    assert verdicts.pop("{documents}") == "supports"
    assert set(verdicts.values()) <= {"excluded", "open"}
    with pytest.raises(NothingToCompare, match="version '9'"):
        compare("shop", versions=["9"], settings=settings)

    monkeypatch.setenv("SMILE_TRACE_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    ran = CliRunner().invoke(app, ["compare", "shop", "--html", "page.html"])
    assert ran.exit_code == 0, ran.output
    assert "Delivery" in (tmp_path / "page.html").read_text()
    ran = CliRunner().invoke(app, ["compare", "shop", "--json"])
    assert Comparison.model_validate_json(ran.stdout).versions == found.versions
    with pytest.raises(SmileTraceError, match="no active tracker"):
        CliRunner().invoke(app, ["compare", "shop", "--deliver"], catch_exceptions=False)


@pytest.mark.slow
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
        with Store.open(settings) as store:
            kinds = Counter(
                bool(explanation and explanation.settings.pooled)
                for call_id in store.traces.find_calls("")
                for explanation in [store.explanation(call_id)]
            )
        assert kinds == {True: 15, False: 5}
        assert len(server.bodies) <= 15 * 7 + 5 * 20
        settings = settings.model_copy(update={"models": {}})
    comparison = compare("p", settings=settings)
    assert [version.label for version in comparison.versions] == ["1"]  # nothing to compare it with
    assert comparison.mattered is not None
    assert comparison.mattered.explained == 5
    draft = tmp_path / "draft.txt"
    draft.write_text(TEMPLATE.replace("Be kind.\n", ""))
    comparison = compare("p", file=draft, settings=settings)
    [version, after] = comparison.versions
    assert version.explained == 15
    assert version.keep_probabilities == (KEEP,)
    by_text = {i.segment.text: i for i in version.segments}
    assert by_text["{question}"].verdict == "supports"
    assert by_text["{question}"].influence > 0.3
    assert by_text["Name one city."].influence > 0.3
    assert any("5 explanations" in why for why in version.dropped)
    assert after.explained == 0
