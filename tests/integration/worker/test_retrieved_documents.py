"""Documents without any form of their own, from the retriever's span to the explanation."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from smile_trace.records import Span
from smile_trace.settings import Settings
from smile_trace.worker.run import run
from tests.support.fake_tracker import FakeTracker
from tests.support.planted import PlantedServer, serving
from tests.support.spooled import START, call_span, span_id, trace_id, write_spool
from tests.support.worker_settings import settings_tables

DOCUMENTS = {
    "returns": "Returns are accepted within 30 days in the original box.",
    "warranty": "The warranty of a kettle lasts 24 months from the day of purchase.",
    "lamp": "The blue lamp is sold out until the end of March.",
}
ANSWER = "Your kettle has a warranty of 24 months."


@pytest.fixture
def server() -> Iterator[PlantedServer]:
    with serving(lambda prompt: ANSWER if "24 months" in prompt else "I do not know.") as running:
        yield running


def test_the_document_that_drives_is_named_by_its_id(server: PlantedServer, tmp_path: Path) -> None:
    settings = Settings(
        home=tmp_path, **settings_tables(server.base_url, {"explain": {"unit": "document"}})
    )
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
    call = call_span(1, prompt=prompt, answer=ANSWER, parent=span_id(9), **temperature)  # type: ignore[arg-type]
    around = call_span(1, span=9, prompt=prompt, answer=None, **{"smile_trace.kind": "context"})  # type: ignore[arg-type]
    write_spool(
        settings.spool,
        [retriever.model_copy(update={"parent_id": span_id(9)}), call, around],
        "1.jsonl",
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
