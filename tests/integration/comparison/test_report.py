"""What mattered over a period, through the real worker: by document, retriever and function."""

import json
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from smile_trace.cli.app import app
from smile_trace.comparison import NothingToCompare, compare
from smile_trace.comparison.report import what_mattered
from smile_trace.records import Span
from smile_trace.records.report import Report
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.worker.run import run
from tests.support.planted import serving
from tests.support.spooled import call_span, span_id, trace_id, write_spool
from tests.support.worker_settings import settings_tables

pytestmark = pytest.mark.slow

DELIVERY = "Delivery takes two days and costs five euros. Parcels are sent on working days only."
RETURNS = "Returns are free of charge for thirty days. The receipt has to be kept until then."
GIFTS = "Gift cards are valid for three years. They are never paid out in cash, not even in part."


DOCUMENTED, UNDOCUMENTED, BROKEN = 8, 6, 2


def _answer(prompt: str) -> str:
    if "weather" in prompt:
        return "It is sunny."
    if "delivery" in prompt.casefold() and "two days" in prompt:
        return "It takes two days."
    return "Please call our hotline."


def _spans() -> list[Span]:
    """Calls whose answer is in a document, calls whose answer is in none, and calls whose logged
    answer the model does not give any more."""
    spans = []
    for number in range(1, DOCUMENTED + UNDOCUMENTED + BROKEN + 1):
        documented = number <= DOCUMENTED or number > DOCUMENTED + UNDOCUMENTED
        asked = "How long does the delivery take?" if documented else "How is the weather today?"
        text = f"{DELIVERY}\n\n{RETURNS}\n\n{GIFTS}\n\nCustomer {number} asks: {asked}"
        broken = number > DOCUMENTED + UNDOCUMENTED
        call = call_span(number, prompt=text, answer="Nobody knows." if broken else _answer(text))
        hits = [
            {"id": "d", "content": DELIVERY, "source": "delivery.md", "score": 0.9},
            {"id": "r", "content": RETURNS, "source": "returns.md", "score": 0.8},
            {"id": "g", "content": GIFTS, "source": "gifts.md", "score": 0.7},
        ]
        spans += [
            Span(
                trace_id=trace_id(number),
                span_id=span_id(500 + number),
                parent_id=call.span_id,
                name="search the handbook",
                start_ns=call.start_ns - 10,
                end_ns=call.start_ns - 1,
                attributes={"gen_ai.retrieval.documents": json.dumps(hits)},
            ),
            call,
        ]
    return spans


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A home in which the real worker has explained the calls."""
    home = tmp_path_factory.mktemp("report") / "home"
    with serving(_answer) as server:
        tables = settings_tables(
            server.base_url,
            {
                "sampling": {"minimum_per_prompt_version": 50, "rate": 1.0},
                "explain": {"unit": "document"},
            },
        )
        found = Settings(home=home, **tables)
        write_spool(found.spool, _spans(), "a.jsonl")
        assert run(found, once=True, trackers=[]).explained == len(_spans()) // 2
    return found


@pytest.fixture(scope="module")
def found(settings: Settings) -> Report:
    """The report of the whole period."""
    found = compare(since=datetime(2001, 1, 1, tzinfo=UTC), settings=settings).mattered
    assert found is not None
    return found


def test_the_headline_by_function_and_by_retriever(found: Report, settings: Settings) -> None:
    """Of the calls of which something can be said; the inconclusive ones are said apart."""
    share = found.no_document
    assert share is not None
    assert (share.count, share.of, share.open) == (UNDOCUMENTED, DOCUMENTED + UNDOCUMENTED, BROKEN)
    assert share.low < UNDOCUMENTED / (DOCUMENTED + UNDOCUMENTED) < share.high
    assert found.inconclusive == BROKEN
    assert found.summary.startswith(
        "In 43 % [21 to 69 %] of the 14 explained calls with retrieved documents, no retrieved "
        "document mattered; 2 more are not settled."
    )
    assert (
        "Of the documents, “delivery.md” mattered most often, in 8 of the 16 explained calls that "
        "contain it (2 not settled)." in found.summary
    )
    function, retriever = found.groups
    assert (function.kind, function.calls) == ("function", 16)
    assert (retriever.kind, retriever.name) == ("retriever", "search the handbook")
    assert [part.kind for part in retriever.parts] == ["document"] * 3
    best = retriever.parts[0]
    assert (best.name, best.mattered.count, best.mattered.of) == ("delivery.md", 8, 14)
    assert best.measured == 14
    assert (best.ci_low or 0) <= (best.attribution or 0) <= (best.ci_high or 0)
    assert retriever.no_document == found.no_document
    assert {part.mattered.count for part in retriever.parts[1:]} == {0}
    with pytest.raises(NothingToCompare, match="of a prompt or function named 'other'"):
        compare("other", since=datetime(2001, 1, 1, tzinfo=UTC), settings=settings)
    with (
        closing(Store.look(settings)) as store,
        pytest.raises(NothingToCompare, match="between 1999"),
    ):
        what_mattered(store, since=915148800.0, until=917827200.0)


def test_as_json_page_picture_and_in_the_terminal(
    found: Report, settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert Report.model_validate_json(found.model_dump_json()) == found
    assert "delivery.md" in found.to_svg()
    monkeypatch.setenv("SMILE_TRACE_HOME", str(settings.home))
    monkeypatch.chdir(tmp_path)
    since = ["--since", "2001-01-01"]
    printed = CliRunner().invoke(app, ["compare", *since, "--json"])
    mattered = json.loads(printed.stdout)["mattered"]
    assert mattered["groups"] == json.loads(found.model_dump_json())["groups"]
    shown = CliRunner().invoke(app, ["compare", *since])
    assert "delivery.md" in shown.stdout
    assert "In 43 % [21 to 69 %]" in " ".join(shown.stdout.split())
    page = tmp_path / "report.html"
    CliRunner().invoke(app, ["compare", *since, "--html", str(page)])
    assert "search the handbook" in page.read_text()
