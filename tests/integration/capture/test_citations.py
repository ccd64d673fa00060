"""A captured answer with citations, asked again: which of them are true."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import smile_trace
from smile_trace.records import Explanation
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.worker.run import run
from tests.support.strict_anthropic import StrictAnthropic, strict

MODEL = "claude-opus-5-5"
TEXTS = {
    "warranty.md": "Kettles have a warranty of 24 months. Seals are excluded from it.",
    "returns.md": "Goods may be sent back within 30 days. The parcel label is free of charge.",
    "shipping.md": "Parcels leave the warehouse in Kassel. It takes two days at most.",
    "members.md": "Members collect points with every order. Points expire after a year.",
    "hours.md": "The hotline can be reached until nine in the evening, except on Sundays.",
}
SAID = {
    "warranty.md": "Your kettle has a warranty of 24 months",
    "returns.md": "you may send it back within 30 days",
}


def _claim(name: str, cited: str) -> dict[str, Any]:
    number = list(TEXTS).index(cited)
    citation = {
        "type": "char_location",
        "cited_text": TEXTS[cited].split(". ")[0] + ".",
        "document_index": number,
        "document_title": cited,
        "start_char_index": 0,
        "end_char_index": 20,
    }
    return {"type": "text", "text": SAID[name], "citations": [citation]}


def _answer(body: dict[str, Any]) -> list[dict[str, Any]]:
    """Two claims, the second of which cites another document than it stands in."""
    given = str(body["messages"])
    warranty = _claim("warranty.md", "warranty.md")
    returns = _claim("returns.md", "shipping.md")
    nothing = {"type": "text", "text": "I could not find anything about that in the documents"}
    return [
        warranty if "24 months" in given else nothing,
        {"type": "text", "text": ". As for returns, "},
        returns if "30 days" in given else nothing,
        {"type": "text", "text": ". Is there anything else that I can do for you?"},
    ]


def _request() -> dict[str, Any]:
    documents = [
        {
            "type": "document",
            "title": title,
            "source": {"type": "text", "media_type": "text/plain", "data": text},
            "citations": {"enabled": True},
        }
        for title, text in TEXTS.items()
    ]
    question = {"type": "text", "text": "How long is the warranty, and may I send it back?"}
    return {
        "model": MODEL,
        "max_tokens": 200,
        "messages": [{"role": "user", "content": [*documents, question]}],
    }


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[StrictAnthropic]:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-none")
    smile_trace.instrument("anthropic")
    with strict(_answer) as running:
        yield running
        assert running.refused == []


@pytest.mark.parametrize("stream", [pytest.param(False, marks=pytest.mark.slow), True])
def test_each_citation_beside_the_effect_of_its_document(
    server: StrictAnthropic, home: Path, stream: bool
) -> None:
    from anthropic import Anthropic

    with Anthropic(base_url=server.base_url, max_retries=0) as client:
        if stream:
            with client.messages.stream(**_request()) as events:
                events.until_done()
        else:
            client.messages.create(**_request())
    settings = _settings(home, server)
    run(settings, once=True, trackers=[])
    with Store.open(settings) as store:
        [call_id] = store.traces.find_calls("")
        call, explanation = store.traces.call(call_id), store.explanation(call_id)
    assert call is not None
    assert explanation is not None
    assert call.answer is not None
    assert call.answer.startswith(f"{SAID['warranty.md']}. As for returns, {SAID['returns.md']}.")
    assert len(call.citations) == 2
    assert _uses(explanation) == {
        (SAID["warranty.md"], "warranty.md", True, "used"),
        ("As for returns, " + SAID["returns.md"], "shipping.md", True, "not used"),
        ("As for returns, " + SAID["returns.md"], "returns.md", False, "used"),
    }


def _settings(home: Path, server: StrictAnthropic) -> Settings:
    model = {
        "kind": "anthropic",
        "base_url": server.base_url,
    }
    return Settings(
        home=home,
        models={MODEL: model},
        sampling={"rate": 1.0},
        budget={"calls_per_explanation": 60, "usd_per_explanation": None},
        worker={"poll_seconds": 0.1},
    )


def _uses(explanation: Explanation) -> set[tuple[str, str | None, bool, str]]:
    return {
        (
            explanation.answer[one.start : one.end].rstrip("."),
            one.document.name if one.document else None,
            one.cited is not None,
            one.use,
        )
        for one in explanation.citations
    }
