"""The very same explanation comes out of the stored responses, and a changed byte is found."""

import json
from typing import Any

import pytest

import smile_trace
from smile_trace.hub.check import check_line
from smile_trace.models import Capabilities
from smile_trace.records import Explanation, Response
from smile_trace.records.entry import Entry
from smile_trace.testing.samples import sample_trace
from tests.support.hub_entries import PROMPT, entry, explained
from tests.support.planted import copying


def outcome(line: str) -> str:
    return check_line(1, line.encode())[0].outcome


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"parameters": {"temperature": 0}},
        {"parameters": {"temperature": 0.7}, "seed": 7},
        {"unit": "sentence", "protect": ["The shop"]},
        {"unit": [(0, 31), (32, 49)]},
        {"part": "nine", "distance": "words"},
    ],
    ids=str,
)
def test_the_same_explanation_comes_out(options: dict[str, Any]) -> None:
    found = smile_trace.explain(PROMPT, model=copying("nine."), budget=16, **options)
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


@pytest.mark.parametrize("options", [{}, {"answer": "at nine"}, {"part": "nine"}], ids=str)
def test_probabilities_are_kept_too(options: dict[str, Any]) -> None:
    found = smile_trace.explain(PROMPT, model=Scoring(), budget=16, **options)
    assert found.signal == "probability"
    assert found.drivers[0].name == "nine"
    assert outcome(Entry.of(found).line) == "identical"


def test_a_line_of_release_0_1_is_upgraded() -> None:
    call = sample_trace().calls[0]
    old = {
        "schema_version": 1,
        "call": call.model_dump(mode="json"),
        "explanation": explained().model_dump(mode="json"),
        "settings_hash": explained().settings.hash,
        "attempt": 1,
        "inclusion_probability": None,
        "explained_at": 1.0,
    }
    checked, read = check_line(1, json.dumps(old).encode())
    assert read is not None
    assert read.schema_version == 2
    assert isinstance(read.found, Explanation)
    assert checked.id == read.id == Entry.model_validate_json(read.line).id


@pytest.mark.parametrize("line", [b"7", b"{}", b"[" * 9000, b"\xff", b'{"schema_version":3}'])
def test_what_is_no_line_is_said(line: bytes) -> None:
    checked, read = check_line(4, line)
    assert (checked.line, checked.outcome, read) == (4, "damaged", None)
