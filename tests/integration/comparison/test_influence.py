"""What mattered over the calls of a prompt, through the real worker with its default settings."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from smile_trace import semconv
from smile_trace.cli.app import app
from smile_trace.comparison import NothingToCompare, influences
from smile_trace.comparison.templates import render
from smile_trace.errors import SmileTraceError
from smile_trace.records import PromptUse, Span, VariableSpan
from smile_trace.records.comparison import Comparison
from smile_trace.settings import Settings
from smile_trace.worker.run import run
from tests.support.planted import serving
from tests.support.spooled import call_span, write_spool
from tests.support.worker_settings import settings_tables

TEMPLATE = (
    "You are the assistant of a shop.\nBe brief.\nNever mention competitors.\n\n"
    "Documents:\n{documents}\n\nQuestion: {question}\nAnswer:"
)
RETURNS = (
    '<document title="Returns">\nReturns are free for thirty days. Keep the receipt.\n</document>'
)
DELIVERY = '<document title="Delivery">\nDelivery takes two days. It costs five euros.\n</document>'
CALLS = 12


def _answer(prompt: str) -> str:
    return "It takes two days." if "two days" in prompt else "Please call our hotline."


def _spans() -> list[Span]:
    spans = []
    for number in range(1, CALLS + 1):
        values = {
            "documents": f"{RETURNS}\n{DELIVERY}",
            "question": f"How long does the delivery of order {number} take?",
        }
        text = render(TEMPLATE, values)
        places = {name: text.index(value) for name, value in values.items()}
        use = PromptUse(
            name="shop", version="3", template=TEMPLATE, variables=values, message=0, start=0,
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
        spans.append(call_span(number, prompt=text, answer=_answer(text), **found))  # type: ignore[arg-type]
    return spans


def test_documents_and_instructions_that_mattered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(_answer) as server:
        tables = settings_tables(
            server.base_url, {"sampling": {"minimum_per_prompt_version": CALLS}}
        )
        settings = Settings(home=tmp_path / "home", **tables)
        write_spool(settings.spool, _spans(), "a.jsonl")
        assert run(settings, once=True, trackers=[]).explained == CALLS
    found = influences("shop", settings=settings)
    [version] = found.versions
    best = version.passages[0]
    assert (best.text, best.unit, best.calls) == ("Delivery", "document", CALLS)
    assert best.mattered >= CALLS - 2
    by_text = {item.text: item for item in version.passages}
    assert by_text["Returns"].mattered <= 2
    assert found.summary.startswith(
        f"Over the last {CALLS} calls of shop 3 ({CALLS} explained) “Delivery” mattered most often"
    )
    # The template's parts, as the explanations cut it; their masks are one draw, so nothing more.
    assert "{documents}" in [item.segment.text for item in version.segments]
    assert {item.verdict for item in version.segments} == {"inconclusive"}
    assert any("pooled mode" in why for why in version.dropped)
    assert [v.calls for v in influences("shop", last=5, settings=settings).versions] == [5]
    with pytest.raises(NothingToCompare, match="version '9'"):
        influences("shop", version="9", settings=settings)

    monkeypatch.setenv("SMILE_TRACE_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    ran = CliRunner().invoke(app, ["influence", "shop", "--html", "page.html"])
    assert ran.exit_code == 0, ran.output
    assert "Delivery" in (tmp_path / "page.html").read_text()
    ran = CliRunner().invoke(app, ["influence", "shop", "--json"])
    assert Comparison.model_validate_json(ran.stdout).versions[0].passages == version.passages
    with pytest.raises(SmileTraceError, match="no active tracker"):
        CliRunner().invoke(app, ["influence", "shop", "--deliver"], catch_exceptions=False)
