"""What stands behind wrong answers: marks in a tracker, a planted model, and a real store."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner

import smile_trace
from smile_trace import semconv
from smile_trace.cli.app import app
from smile_trace.errors import SmileTraceError
from smile_trace.records.report import WrongAnswers
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.store.arrivals import ArrivedSpan, SpoolFile
from smile_trace.testing import captured
from smile_trace.trackers import Capabilities
from smile_trace.trackers.marks import Mark
from smile_trace.worker.ingest import Ingest
from tests.support.fake_tracker import FakeTracker
from tests.support.planted import PlantedServer, serving
from tests.support.spooled import call_span, trace_id, write_spool
from tests.support.store_rows import deliver, traces
from tests.support.worker_settings import settings_tables

OLD = "All articles are assembled for 79 euros. Keep your receipt."
NEW = "All articles are assembled for 29 euros. Ask us for exceptions."
STORES = "The shop in Bremen opens at nine. On Sundays all shops are closed."
COST, HOURS = "What does assembly cost?", "When does the shop open?"
RIGHT = "Assembly of all our articles costs 79 euros, and you pay when we come to your home."
BLAMED, MISSING, UNTOLD = range(1, 7), 7, 8
"""The numbers of wrong answers: by the newer document, for want of one, and of nobody knows what
would be right."""
OTHERS = range(9, 29)


def desk(prompt: str) -> str:
    """Believes the newest document."""
    if HOURS in prompt:
        return "The shop opens at nine." if "opens at nine" in prompt else "I do not know."
    if COST not in prompt:
        return "How can I help you today? I am glad to answer what you want to know."
    for price in (29, 79):
        if f"for {price} euros" in prompt:
            return RIGHT.replace("79", str(price))
    return "I could not find what that costs. Please call our shop in Bremen."


def text(number: int) -> str:
    documents = {"assembly-2024.md": OLD, "stores.md": STORES}
    if number in BLAMED or number == OTHERS[0]:
        documents["assembly-2025.md"] = NEW
    if number == MISSING:
        del documents["assembly-2024.md"]
    held = [f'<document name="{name}">\n{said}\n</document>' for name, said in documents.items()]
    question = HOURS if number in (*OTHERS[:10], UNTOLD) else COST
    return "\n".join(["Answer by the documents.", *held, "", f"Customer {number} asks: {question}"])


class Marked(FakeTracker):
    capabilities = Capabilities(marks=True)

    def read_marks(self, trace_ids: Sequence[str]) -> list[Mark]:
        wrong = {f"there-{trace_id(number)}": number for number in (*BLAMED, MISSING, UNTOLD)}
        assert len(trace_ids) == len(OTHERS) + len(wrong)
        told = [
            Mark(trace_id=there, wrong=number != 1, expected=RIGHT if number != UNTOLD else None)
            for there, number in wrong.items()
        ]
        right = Mark(trace_id=f"there-{trace_id(OTHERS[-1])}", expected=RIGHT)
        return [*told, right]


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PlantedServer]:
    with serving(desk) as server:
        models = settings_tables(server.base_url, {})["models"]
        monkeypatch.setenv("SMILE_TRACE_HOME", str(tmp_path))
        monkeypatch.setenv("SMILE_TRACE_MODELS", json.dumps(models))
        monkeypatch.setattr("smile_trace.cli.deliver.discover_trackers", lambda _: [Marked()])
        spans = [
            call_span(
                number,
                prompt=text(number),
                answer=desk(text(number)),
                **{semconv.NAME: "desk", "gen_ai.request.temperature": 0.0},  # type: ignore[arg-type]
            )
            for number in (*BLAMED, MISSING, UNTOLD, *OTHERS)
        ]
        with Store.open(Settings()) as store:
            store.outbox.add(["fake"])
            arrived = [ArrivedSpan(span, span.model_dump_json()) for span in spans]
            store.traces.add(SpoolFile("a", 1, 1, 1.0), arrived)
            store.traces.complete(gone=(), silent_before=0.0)
            deliver(store, *traces(store, "fake"))
        yield server


def ask(*options: str) -> str:
    ran = CliRunner().invoke(app, ["compare", "desk", "--wrong", *options], catch_exceptions=False)
    assert ran.exit_code == 0, ran.output
    return ran.stdout


def test_the_document_behind_the_wrong_answers_is_named(server: PlantedServer) -> None:
    found = WrongAnswers.model_validate_json(ask("--json", "--yes"))
    assert (found.wrong, found.others, found.explained) == (8, 20, 7)
    assert (found.nothing_found, found.untold) == (1, 1)
    [part] = found.parts
    assert (part.kind, part.name) == ("document", "assembly-2025.md")
    assert (part.behind.count, part.in_wrong, part.in_others) == (6, 6, 1)
    assert part.more_often
    asked = len(server.bodies)
    assert 0 < asked <= 7 * 60
    hopeless = ["explain", trace_id(BLAMED[0]), "--contains", "is free", "--budget", "20", "--yes"]
    assert CliRunner().invoke(app, hopeless, catch_exceptions=False).exit_code == 0
    asked = len(server.bodies)
    lines = ask("--yes").splitlines()
    assert len(server.bodies) == asked  # what is explained is asked no more, and stays blamed
    assert lines[1].startswith("“assembly-2025.md” is behind 6 of 7 wrong answers [55 to 97 %];")
    assert lines[1].endswith(
        "it is in 1 of 20 other calls and 6 of 8 wrong ones, more often than by chance (q < .001)."
    )


def test_a_budget_holds_and_what_is_left_is_said(server: PlantedServer) -> None:
    lines = ask("--budget", "119", "--yes").splitlines()
    assert 0 < len(server.bodies) <= 60
    assert lines[0].endswith(
        "8 of 28 answers of desk since 2025-11-24 are wrong; 1 of them is explained."
    )
    assert "6 more are not explained (--budget)." in lines


def test_what_users_disliked_is_wrong_wherever_it_lies_and_others_are_drawn(
    server: PlantedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smile_trace.cli.deliver.discover_trackers", lambda _: [])
    monkeypatch.setattr("smile_trace.comparison.wrong_answers.MOST_CALLS", 15)
    with captured() as seen:
        for number in (*BLAMED, OTHERS[-1]):
            smile_trace.feedback(trace_id(number), 0)
        smile_trace.feedback(trace_id(OTHERS[-1]), 1)  # thought better of it
    with Store.open(Settings()) as store:
        write_spool(Settings().spool, seen.spans)
        Ingest(store, Settings()).run()
    head, blamed, *_ = ask().splitlines()
    assert head.startswith(
        "Of 28 calls of desk since 2025-11-24, 6 wrong ones (0 of them explained) "
    )
    assert blamed.startswith("“assembly-2025.md” is in ")
    assert "and 6 of 6 wrong ones, more often than by chance" in blamed
    assert not server.bodies


def test_nothing_is_wrong_and_other_options_are_refused(server: PlantedServer) -> None:
    refused = CliRunner().invoke(app, ["compare", "desk", "--wrong", "--html", "a.html"])
    assert refused.exit_code == 2
    with pytest.raises(SmileTraceError, match="no answer of 'nobody'"):
        CliRunner().invoke(app, ["compare", "nobody", "--wrong"], catch_exceptions=False)
    assert not server.bodies
