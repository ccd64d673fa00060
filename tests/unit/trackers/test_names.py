"""A call by its function and its model."""

import pytest

from smile_trace.trackers.names import call_label, model_label
from tests.support.explained import captured, explanation


@pytest.mark.parametrize(
    ("model", "label"),
    [
        ("gpt-4o-mini", "gpt-4o-mini"),
        ("meta-llama/Llama-3.1-8B", "meta-llama/Llama-3.1-8B"),
        ("ft:gpt-4o:acme::id", "ft:gpt-4o:acme::id"),
        ("/home/ann/models/smollm2.gguf", "smollm2"),
        ("./models/smollm2.Q4_K_M.gguf", "smollm2.Q4_K_M"),
        ("models/smollm2.gguf", "smollm2"),
        (r"C:\models\smollm2.gguf", "smollm2"),
        ("file:///models/llama-3.1/", "llama-3.1"),
        ("/", "/"),
        (None, ""),
    ],
)
def test_a_model_is_never_called_by_a_path(model: str | None, label: str) -> None:
    assert model_label(model) == label


def test_a_call_is_called_by_its_function_and_its_model() -> None:
    _, call = captured(explanation())
    assert call_label(call) == "ask · gpt-4o-mini"
    assert call_label(call.model_copy(update={"model": None})) == "ask"
