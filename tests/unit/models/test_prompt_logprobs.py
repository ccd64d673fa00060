"""Scores of a whole answer from a server that behaves as the documentation of vLLM says."""

import math
import re
import threading
from contextlib import contextmanager
from typing import Any

import pytest

import smile_trace
from smile_trace.models import Request
from smile_trace.models.kinds.endpoint import Endpoint, EndpointSettings
from smile_trace.models.scoring import last_tokens
from smile_trace.records import Message
from tests.support.planted import PlantedHandler, PlantedServer, usage_of

LIKELY, UNLIKELY = math.log(0.8), math.log(0.1)


def tokens(text: str) -> list[str]:
    return re.findall(r"\s*\S+", text)


def logprobs_of(prompt: str, answer: str) -> list[dict[str, Any] | None]:
    """Per token of the whole text {id: …}; the likeliest beside the one that stands there."""
    steps: list[dict[str, Any] | None] = [None]
    likely = "Eiffel" in prompt
    for token in tokens(prompt + answer)[1:]:
        listed = {
            str(hash(token)): {
                "logprob": LIKELY if likely else UNLIKELY,
                "rank": 1 if likely else 7,
                "decoded_token": token,
            }
        }
        if not likely:
            listed["1"] = {"logprob": math.log(0.6), "rank": 1, "decoded_token": " the"}
        steps.append(listed)
    return steps


class VLLM(PlantedHandler):
    def chat(self, prompt: str, body: dict[str, Any]) -> Any:
        reply = super().chat(prompt, body)
        if "prompt_logprobs" in body:
            # Without these two fields vLLM would close the answer and begin another.
            assert body["continue_final_message"] is True
            assert body["add_generation_prompt"] is False
            *asked, answer = body["messages"]
            before = "<user> " + " ".join(m["content"] for m in asked) + " <assistant> "
            reply["prompt_logprobs"] = logprobs_of(before, answer["content"].strip())
        return reply

    def _completion(self, body: dict[str, Any]) -> Any:
        prompts = body["prompt"] if isinstance(body["prompt"], list) else [body["prompt"]]
        choices = [
            {
                "index": index,
                "text": " and",
                "finish_reason": "length",
                "prompt_logprobs": logprobs_of(prompt, ""),
            }
            for index, prompt in enumerate(prompts)
        ]
        return {"choices": choices, "usage": usage_of(" ".join(prompts), "and")}


@contextmanager
def vllm():
    server = PlantedServer(lambda _: "Paris, France", handler=VLLM)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def server():
    with vllm() as running:
        yield running


def endpoint(server: PlantedServer, **settings: Any) -> Endpoint:
    settings = {"prompt_logprobs": True, **settings}
    return Endpoint("m", EndpointSettings(base_url=server.base_url, **settings))


def ask(text: str, form: Any = "chat") -> Request:
    return Request(messages=(Message(role="user", content=text),), form=form)


@pytest.mark.parametrize("form", ["chat", "completion"])
@pytest.mark.parametrize("answer", ["Paris, France", " Paris, France"])
async def test_all_tokens_of_the_answer_and_none_of_the_prompt_are_scored(server, form, answer):
    model = endpoint(server, list_requests=True)
    asked = [ask("Where is the Eiffel Tower? In", form), ask("Where is the Tower? In", form)]
    known, unknown = await model.score(asked, answer)
    first, second = known.tokens
    assert (known.text, first + second) == (answer, answer)
    assert second == " France"
    assert known.logprobs == pytest.approx((LIKELY, LIKELY))
    assert known.likeliest_by == 0.0
    assert unknown.logprobs == pytest.approx((UNLIKELY, UNLIKELY))
    assert unknown.likeliest_by == pytest.approx(math.log(6))
    assert not model.capabilities.first_token_only
    assert all(body["max_tokens"] == 1 for body in server.bodies)
    assert len(server.bodies) == (2 if form == "chat" else 1)


async def test_a_server_without_prompt_logprobs_is_a_failure(server):
    server.RequestHandlerClass = PlantedHandler
    [response] = await endpoint(server).score([ask("a")], "b")
    assert "prompt_logprobs" in response.failure


@pytest.mark.parametrize(
    ("pieces", "tokens"),
    [
        ([" In", " Paris", ",", " France"], ("Paris", ",", " France")),
        (["In", "Paris", ",", "France"], ("Paris", ",", " France")),  # decoded one by one
        (['"Paris', ", France", "\n"], ("Paris", ", France", "")),  # glued to the prompt's end
        (["In", " Paris", " or", "France"], None),
        ([" Paris", "", "France"], None),  # nothing that can be read may be missing
        ([], None),
    ],
)
def test_where_the_answer_begins_among_the_tokens(pieces, tokens):
    assert last_tokens("Paris, France", pieces) == tokens


def test_tokens_that_end_inside_a_character():
    assert last_tokens("Yes 👍 sure", ["<a>", "Yes", "", "", " sure"]) == ("Yes", "", "", " sure")
    assert last_tokens("👍 sure", ["<a>", "", "\ufffd", " sure"]) == ("", "", " sure")
    assert last_tokens("👍", ["<a>"]) is None


def test_first_token_and_whole_scores_have_different_identities(server):
    assert endpoint(server).identity != endpoint(server, prompt_logprobs=False).identity
    assert endpoint(server, prompt_logprobs=False).capabilities.first_token_only


def test_an_explanation_in_probability_mode(server, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SMILE_TRACE_HOME", str(tmp_path / "home"))
    model = endpoint(server, temperature_zero_is_deterministic=True)
    explanation = smile_trace.explain(
        "Where is the Eiffel Tower now",
        model=model,
        answer="Paris, France",
        parameters={"temperature": 0},
        signal="probability",
        answer_part="France",
    )
    assert [s.text for s in explanation.segments if s.significant] == ["Eiffel"]
    assert explanation.ranked[0].attribution == pytest.approx(1 - 0.1 / 0.8, abs=0.05)


def test_a_token_is_looked_for_in_as_many_steps_as_the_answer_is_long() -> None:
    """`str.rfind` would take 3·10¹¹ steps here."""
    half = "a" * 300_000
    assert last_tokens(f"{half}b{half}" + "a" * 1_200_000, [f"{half}b{half}"]) is None
