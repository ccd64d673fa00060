"""Emitters in JavaScript: what their recordings hold besides the requests (for these see
`tests/integration/instrumentors/test_asked_again.py`), and why some are not asked again."""

import pytest

from tests.instrumentors.applications.texts import RETURNS, WARRANTY
from tests.support.recorded_calls import ANSWER, CALLS_TOOL, calls_of

NO_SCHEMA = "the schema that its answer was to have was not recorded"
NO_FORMAT = "its answer is JSON that no message asks for, and the format that does was not recorded"
NO_TOOLS = (
    "its answer calls a tool, and the tools that it was offered were not recorded: "
    "Mastra writes their names alone"
)
NO_RESULT = "the content of a message was not captured"
WHY = {
    "arizeai-openinference-instrumentation-langchain-4.1.1": [],
    "genkit-1.42.0": [],
    "langsmith-0.12.0.javascript": [NO_FORMAT],
    "mastra-arize-1.3.8": [NO_TOOLS, NO_RESULT, NO_SCHEMA],
    "mastra-otel-exporter-1.4.0": [
        NO_TOOLS,
        NO_RESULT,
        "of the tools that it was offered only the names were recorded",
        NO_SCHEMA,
    ],
    "traceloop-node-server-sdk-0.27.0": [
        NO_FORMAT,
        "its instructions, if it had any, were not recorded",
    ],
}


@pytest.mark.parametrize("name", WHY)
def test_answers_and_why_a_call_is_not_asked_again(name: str) -> None:
    calls = calls_of(name)
    assert {call.answer for call in calls} == {ANSWER, CALLS_TOOL, '{"months":24}'}
    assert [call.not_repeatable for call in calls if call.not_repeatable] == WHY[name]
    assert sum(call.usage is None for call in calls) <= 1  # of a stream


@pytest.mark.parametrize("name", list(WHY)[:2])
def test_retrieved_documents(name: str) -> None:
    [call] = [call for call in calls_of(name) if call.documents]
    assert [document.text for document in call.documents] == [WARRANTY, RETURNS]
