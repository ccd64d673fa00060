"""Plain functions as models, and decorated functions that are called again."""

import asyncio
import sys
import threading

import pytest

import smile_trace
from smile_trace._guards.jsonable import is_json
from smile_trace.capture import runtime as capture_state
from smile_trace.models import ModelUnavailable, NotRepeatable, Request
from smile_trace.models.callable import CallableModel
from smile_trace.models.kinds.endpoint import EndpointSettings
from smile_trace.models.kinds.rerun import Rerun, RerunSettings
from smile_trace.models.registry import NoModel, settings_for, settings_of
from smile_trace.records import Call, Message
from smile_trace.settings import Settings

APP = """
import smile_trace

calls = []

@smile_trace.trace(model="m", rerun=True)
def ask(prompt: str, tone: str = "kind") -> str:
    calls.append((prompt, tone))
    return f"{tone}: {prompt}"

@smile_trace.trace(model="m", rerun=True)
async def chat(messages: list) -> str:
    calls.append(messages)
    return messages[-1]["content"]

@smile_trace.trace(model="m", rerun=True)
def stream(prompt: str):
    yield from prompt.split()

@smile_trace.trace(model="m")
def not_allowed(prompt: str) -> str:
    return "never"

@smile_trace.trace(model="m", prompt="question", rerun=True)
def asked(question: str, prompt: str = "p", command: str = "none") -> str:
    return f"{question} {command}"

def undecorated(prompt: str) -> str:
    return "never"

class Anything:
    def __getattr__(self, name):
        calls.append(name)
        return lambda *args, **kwargs: calls.append("executed")

anything = Anything()
imported = ask
"""


def ask(*texts, role="user"):
    return Request(messages=tuple(Message(role=role, content=text) for text in texts))


async def test_a_coroutine_function_is_asked_concurrently():
    together = asyncio.Barrier(4)

    async def model(prompt):
        await together.wait()
        return prompt

    got = await CallableModel(model).generate([ask(str(i)) for i in range(4)])
    assert [r.text for r in got] == list("0123")


async def test_a_plain_function_is_called_serially_in_a_thread():
    inside, most, threads = 0, 0, set()

    def model(prompt):
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        threads.add(threading.current_thread())
        inside -= 1
        return prompt

    await CallableModel(model).generate([ask(str(i)) for i in range(20)])
    assert most == 1
    assert threading.main_thread() not in threads


async def test_objects_with_a_call_method():
    class Sync:
        def __call__(self, prompt):
            return prompt

    class Async:
        async def __call__(self, prompt):
            return prompt

    async def streaming(prompt):
        yield prompt

    def yielding(prompt):
        yield from prompt

    for model in (Sync(), Async(), lambda prompt: asyncio.sleep(0, prompt), streaming, yielding):
        [response] = await CallableModel(model).generate([ask("abc")])
        assert response.text == "abc"


async def test_an_exception_is_a_failure_and_its_calls_are_not_recorded():
    def model(prompt):
        if prompt == "bad":
            raise RuntimeError("no luck")
        return None if prompt == "none" else f"{prompt} {capture_state.active()}"

    got = await CallableModel(model).generate([ask("bad"), ask("none"), ask("b", "c")])
    assert got[0].failure == "RuntimeError: no luck"
    assert got[1].failure == "the function returned NoneType, not a text"
    assert got[2].text == "b\nc False"
    assert capture_state.active()


# -- called again ---------------------------------------------------------------------------


@pytest.fixture
def app(tmp_path, monkeypatch):
    (tmp_path / "shop_app.py").write_text(APP)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "shop_app", raising=False)
    yield "shop_app"
    sys.modules.pop("shop_app", None)


def call(rerun, arguments=None):
    return Call(
        trace_id="0" * 32,
        span_id="0" * 16,
        name="ask",
        messages=(Message(role="user", content="hello"),),
        answer="x",
        start_ns=0,
        end_ns=1,
        rerun=rerun,
        rerun_arguments=arguments,
    )


async def test_it_is_called_without_its_decorator(app, tmp_path, monkeypatch):
    smile_trace.configure(home=tmp_path / "home")
    try:
        await Rerun(call(f"{app}:ask"), app=app).generate([ask("a")])
        assert not list((tmp_path / "home").rglob("*.jsonl"))
    finally:
        capture_state.runtime().spool.close()


@pytest.mark.parametrize(
    "name",
    [
        "shop_app:not_allowed",
        "shop_app:undecorated",
        "shop_app:nothing",
        "shop_app:",
        "shop_app",
        "shop_app:ask.__wrapped__",
        "shop_app:f.<locals>.g",
        "os:system",
        "shop_app_evil:ask",
        "__main__:ask",
        "shop_app:anything",
        "shop_app:anything.at.all",
        "shop_app:imported",
        None,
    ],
)
def test_only_functions_marked_for_rerun_are_called(app, name):
    with pytest.raises(ModelUnavailable, match="--app"):
        Rerun(call(f"{app}:ask"), app=None)
    assert app not in sys.modules, "nothing is imported that the operator did not name"
    with pytest.raises(NotRepeatable) as caught:
        Rerun(call(name), app=app)
    assert caught.value.permanent
    loaded = sys.modules.get(app)
    assert loaded is None or loaded.calls == [], "looking for a mark runs no code"


@pytest.mark.parametrize("prompt", ["command", "prompt", None, 7])
def test_the_record_does_not_choose_which_parameter_is_perturbed(app, prompt):
    given = {"prompt": prompt, "arguments": {"question": "q"}}
    with pytest.raises(ModelUnavailable, match="declared parameter"):
        Rerun(call(f"{app}:asked", given), app=app)
    given = {"prompt": "question", "arguments": {"command": "c"}}
    assert Rerun(call(f"{app}:asked", given), app=app)


def test_a_record_imports_no_part_of_the_package(tmp_path, monkeypatch):
    (tmp_path / "shop_pack").mkdir()
    (tmp_path / "shop_pack" / "__init__.py").write_text("from shop_pack import used")
    (tmp_path / "shop_pack" / "used.py").write_text(APP)
    (tmp_path / "shop_pack" / "unused.py").write_text(APP)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    assert Rerun(call("shop_pack.used:ask"), app="shop_pack")
    with pytest.raises(ModelUnavailable, match=r"--app shop_pack\.unused"):
        Rerun(call("shop_pack.unused:ask"), app="shop_pack")
    assert "shop_pack.unused" not in sys.modules
    assert Rerun(call("shop_pack.unused:ask"), app="shop_pack.unused")
    for name in [name for name in sys.modules if name.startswith("shop_pack")]:
        del sys.modules[name]


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        10**2000,
        ("a",),
        {1: "a"},
        list(range(2000)),
        [[[[[[[[[[[[[1]]]]]]]]]]]]],
        type("Text", (str,), {})("a"),
        type("Number", (int,), {})(1),
    ],
    ids=["nan", "huge", "tuple", "key", "long", "deep", "text", "number"],
)
def test_only_what_json_keeps_as_it_is_counts_as_json(value):
    assert is_json(["a", 1, 1.5, True, None, {"b": []}])
    assert not is_json({"a": [value]})


def test_a_module_that_cannot_be_imported(tmp_path, monkeypatch):
    (tmp_path / "broken_app.py").write_text("1 / 0")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    with pytest.raises(ModelUnavailable, match="ZeroDivisionError"):
        Rerun(call("broken_app:ask"), app="broken_app")


# -- from a captured name to a model --------------------------------------------------------


def test_the_exact_name_comes_before_the_wildcard():
    exact, star = EndpointSettings(base_url="http://a/v1"), EndpointSettings(base_url="http://b/v1")
    settings = Settings(models={"gpt": exact, "*": star})
    assert settings_for("gpt", settings) == exact
    assert settings_for("other", settings) == star


def test_a_missing_table_says_what_to_write():
    with pytest.raises(NoModel, match=r'no model for .gpt.: write .*\[models."gpt"\]'):
        settings_for("gpt", Settings(models={}))
    small = Settings(models={"small": EndpointSettings(base_url="http://a/v1")})
    with pytest.raises(
        NoModel, match=r"no model for .gpt. \(there are: small, demo, demo-completion\): write"
    ):
        settings_of("gpt", small)
    with pytest.raises(NoModel, match="names no model: instrument its client, or write in"):
        settings_for("*", Settings(models={}))


def test_the_message_that_the_worker_stores_names_no_other_table():
    small = Settings(models={"small": EndpointSettings(base_url="http://a/v1")})
    said = set()
    for settings in (Settings(models={}), small):
        with pytest.raises(NoModel) as raised:
            settings_for("gpt", settings)
        said.add(str(raised.value))
    assert len(said) == 1


async def test_each_kind_is_opened(app):
    url = "http://127.0.0.1:1/v1"
    assert EndpointSettings(base_url=url).open("gpt").name == "gpt"
    opened = RerunSettings().open("m", app=app, call=call(f"{app}:ask"))
    assert isinstance(opened, Rerun)
    with pytest.raises(ModelUnavailable, match="captured calls only"):
        RerunSettings().open("m", app=app)


@pytest.mark.parametrize(
    ("function", "arguments", "text", "called"),
    [
        (
            *("ask", {"prompt": "prompt", "arguments": {"tone": "stern"}}),
            *("stern: a b", [("a b", "stern")]),
        ),
        (
            *("chat", {"prompt": "messages", "arguments": {}}),
            *("a b", [[{"role": "user", "content": "a b"}]]),
        ),
        ("stream", None, "ab", []),
        ("ask", {"prompt": "prompt", "arguments": {"x": 1}}, None, []),
    ],
)
async def test_the_function_is_called_with_its_other_arguments(
    app, function, arguments, text, called
):
    [response] = await Rerun(call(f"{app}:{function}", arguments), app=app).generate([ask("a b")])
    assert response.text == text
    assert sys.modules[app].calls == called
    assert (response.failure or "").startswith("TypeError" if text is None else "")
