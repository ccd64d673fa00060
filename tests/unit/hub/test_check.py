"""The very same explanation comes out of the stored responses, and a changed byte is found."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

import smile_trace
from smile_trace.explaining.driver import run
from smile_trace.explaining.options import ExplainOptions
from smile_trace.explaining.studies import make_study
from smile_trace.hub.check import check_file, check_line
from smile_trace.models import Capabilities
from smile_trace.records import (
    Citation,
    DocumentAttribution,
    ExplanationSettings,
    Message,
    Prompted,
    Response,
    TextPart,
)
from smile_trace.records.entry import Entry
from tests.support.hub_entries import PROMPT, entry, explained
from tests.support.planted import PlantedModel, copying

pytestmark = pytest.mark.thorough


def outcome(line: str) -> str:
    return check_line(1, line.encode())[0].outcome


@pytest.mark.parametrize(
    "options",
    [
        {},
        *(
            pytest.param(one, marks=pytest.mark.slow)
            for one in (
                {"parameters": {"temperature": 0.7}, "seed": 7},
                {"unit": "sentence", "protect": ["The shop"]},
                {"unit": [(0, 31), (32, 49)]},
            )
        ),
        {"answer_part": "nine", "distance": "words"},
    ],
    ids=str,
)
def test_the_same_explanation_comes_out(options: dict[str, Any]) -> None:
    found = smile_trace.explain(PROMPT, model=copying("nine."), budget=16, **options)
    assert outcome(Entry.of(found).line) == "identical"


def test_citations_that_came_with_the_answer_are_computed_again() -> None:
    facts = ("The label is free of charge", "Fitters come on Mondays", "The shop is in Oslo")
    blocks = (
        TextPart(content=f"{one}, by the way.", extra={"title": f"{number}.md", "type": "document"})
        for number, one in enumerate(facts)
    )
    user = Message(role="user", parts=(*blocks, TextPart(content="What should I know?")))
    model = PlantedModel(
        lambda prompt: " ".join(f"{one}." for one in facts[:2] if one in prompt) or "Nothing."
    )
    answer = f"{facts[0]}. {facts[1]}."
    cited = Citation(start=0, end=28, document=0, passage=facts[0])
    wrong = Citation(start=29, end=53, document=2, passage=facts[2])
    prompted = Prompted(messages=(user,), answer=answer, citations=(cited, wrong))
    settings = ExplanationSettings(model="planted", budget=24)
    study = make_study(prompted, model, ExplainOptions(budget=24), settings, signal="text")
    found = asyncio.run(run(study, model))
    assert len(found.citations) == 3
    assert outcome(Entry.of(found).line) == "identical"


def test_what_is_read_is_what_was_written() -> None:
    written = entry(licence="CC-BY-4.0", author="A. Person", tags=("one", "two"))
    read = Entry.model_validate_json(written.line)
    assert read == written
    assert read.line == written.line
    assert len(written.id) == 64


def test_every_changed_byte_is_found() -> None:
    line = entry().line.encode()
    step = max(len(line) // 300, 1)
    for place in range(0, len(line), step):
        changed = bytearray(line)
        changed[place] ^= 1
        found, _ = check_line(1, bytes(changed))
        assert found.outcome == "damaged", (place, changed[place - 20 : place + 20])


def test_a_forged_number_with_a_new_id_is_found() -> None:
    explanation = explained()
    first = explanation.segments[0]
    forged = first.model_copy(update={"attribution": 0.5, "ci_low": 0.4, "ci_high": 0.6})
    update = {"segments": (forged, *explanation.segments[1:])}
    line = Entry.of(explanation.model_copy(update=update)).line
    checked, _ = check_line(1, line.encode())
    assert checked.outcome == "changed"
    assert "segments differ" in checked.reason


def test_a_forged_response_with_a_new_id_is_found() -> None:
    explanation = explained()
    rows = tuple(
        row.model_copy(update={"response": "at six"}) if row.kind != "baseline" else row
        for row in explanation.perturbations
    )
    line = Entry.of(explanation.model_copy(update={"perturbations": rows})).line
    assert outcome(line) == "changed"


def test_without_responses_nothing_is_claimed() -> None:
    stripped = explained().model_copy(update={"perturbations": ()})
    checked, _ = check_line(1, Entry.of(stripped, stripped=True).line.encode())
    assert (checked.outcome, checked.reason) == (
        "intact",
        "its perturbations were left out of the file",
    )


def test_of_a_scorer_s_explanation_nothing_is_claimed() -> None:
    found = smile_trace.explain(
        PROMPT, model=copying("nine."), budget=16, scorer=lambda answer: "nine" in answer
    )
    checked, _ = check_line(1, Entry.of(found).line.encode())
    assert (checked.outcome, checked.reason.split()[:3]) == ("intact", ["what", "its", "scorer"])


class Scoring:
    """Scores a given answer: likely as long as the word is there."""

    name = identity = "scoring"
    capabilities = Capabilities(scores_answers=True)

    def deterministic(self, parameters: dict[str, Any]) -> bool:
        return True

    async def generate(self, requests):
        return [Response(text="at nine") for _ in requests]

    async def score(self, requests, answer):
        def one(text: str) -> Response:
            likely = -0.01 if "nine" in text else -4.0
            tokens = ("at", " nine")
            return Response(text=answer, tokens=tokens, logprobs=(-0.1, likely), likeliest_by=0.0)

        return [one(" ".join(m.content for m in request.messages)) for request in requests]

    async def aclose(self) -> None: ...


@pytest.mark.parametrize(
    "options", [{}, pytest.param({"answer_part": "nine"}, marks=pytest.mark.slow)], ids=str
)
def test_probabilities_are_kept_too(options: dict[str, Any]) -> None:
    found = smile_trace.explain(PROMPT, model=Scoring(), budget=16, **options)
    assert found.signal == "probability"
    assert found.drivers[0].name == "nine"
    assert outcome(Entry.of(found).line) == "identical"


def test_only_means_the_id_of_a_line(tmp_path: Path) -> None:
    one = entry()
    document = DocumentAttribution(id=one.id, place=(0, 0, 5), measured="never")
    other = Entry.of(explained().model_copy(update={"documents": (document,)}))
    file = tmp_path / "x.smile.jsonl"
    lines = [one.line.encode(), other.line.encode()]
    lines += [line[:-1] for line in lines]
    file.write_bytes(b"\n".join(lines))

    def found(only: str) -> list[tuple[int, str]]:
        return [(one.line, one.outcome) for one, _ in check_file(file, only=only)]

    # Which of its ids is that of a broken line, nobody knows.
    assert found(one.id[:12]) == [(1, "identical"), (3, "damaged"), (4, "damaged")]
    assert found(other.id[:12])[0] == (2, "changed")


@pytest.mark.parametrize(
    "line", [b"7", b"{}", b"[" * 9000, b"\xff", b'{"schema_version":1}', b'{"schema_version":3}']
)
def test_what_is_no_line_is_said(line: bytes) -> None:
    checked, read = check_line(4, line)
    assert (checked.line, checked.outcome, read) == (4, "damaged", None)
