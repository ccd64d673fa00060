"""What `smile-trace run` puts before an application, and what its service is called."""

import sys
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from importlib.metadata import Distribution
from pathlib import Path

import pytest

from smile_trace.capture.config import application_name
from smile_trace.capture.startup import REPORT, sitecustomize


class Installed:
    """Stands for the distributions of another interpreter."""

    def __init__(self, *names: str) -> None:
        self.names = names

    def __call__(self, name: str) -> "Packaged | None":
        return Packaged(name) if name in self.names else None


class Packaged:
    version = "1.2"

    def __init__(self, name: str) -> None:
        self.metadata = {"Name": name}


def _report(monkeypatch: pytest.MonkeyPatch, *names: str) -> list[str]:
    monkeypatch.setattr(sitecustomize, "distribution_of", Installed(*names))
    monkeypatch.setenv("SMILE_TRACE_HOME", "/home/it")
    return [said.replace(sys.executable, "PYTHON") for said in sitecustomize.report()]


def test_what_is_captured_and_what_is_missing_in_one_line(monkeypatch):
    assert _report(
        monkeypatch,
        *("smile-trace", "openai", "anthropic", "litellm", "opentelemetry-instrumentation-openai"),
    ) == [
        "captured into /home/it: openai (by opentelemetry-instrumentation-openai 1.2)",
        "not captured, because no instrumentor is installed: anthropic, litellm",
        "to add what is missing: PYTHON -m pip install openinference-instrumentation-anthropic "
        "openinference-instrumentation-litellm",
    ]


def test_one_instrumentor_is_taken_for_each_library(monkeypatch):
    names = [family.format("openai") for family in sitecustomize.FAMILIES]
    [said] = _report(monkeypatch, "smile-trace", "openai", *names)
    assert said == "captured into /home/it: openai (by openinference-instrumentation-openai 1.2)"


def test_a_python_without_smile_trace_or_without_libraries(monkeypatch):
    first, _, last = _report(monkeypatch, "openai")
    assert first == "nothing is captured: PYTHON has no smile-trace"
    assert last.endswith("pip install smile-trace openinference-instrumentation-openai")
    [said] = _report(monkeypatch, "smile-trace")
    assert said.startswith("PYTHON has no library whose calls can be captured (openai, ")


@pytest.fixture
def library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[sitecustomize.Watch, list[str]]]:
    """Of the libraries, there is one, and what was instrumented, in order."""
    folder = tmp_path / "lib"
    (folder / "watched").mkdir(parents=True)
    (folder / "watched" / "__init__.py").write_text("from watched import inner\nready = True\n")
    (folder / "watched" / "inner.py").write_text("")
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setattr(sitecustomize, "LIBRARIES", {"watched": ("watched", "watched")})
    done: list[str] = []
    monkeypatch.setattr(
        sitecustomize,
        "instrument",
        lambda kind: done.append(f"{kind} {sys.modules['watched'].ready}"),
    )
    watch = sitecustomize.Watch()
    sys.meta_path.insert(0, watch)
    yield watch, done
    sys.meta_path.remove(watch)
    for name in ("watched", "watched.inner"):
        sys.modules.pop(name, None)


def test_a_library_is_instrumented_once_it_is_there(library):
    watch, done = library
    import watched  # type: ignore[import-not-found]

    assert done == ["watched True"]
    assert "exec_module" not in vars(watched.__spec__.loader)  # the loader is as it was
    del sys.modules["watched"]
    import watched as again

    assert again is not watched
    assert done == ["watched True"]
    assert watch.waiting == {}


def test_a_library_that_fails_fails_as_before_and_may_come_later(library, tmp_path):
    _, done = library
    inner = tmp_path / "lib" / "watched" / "inner.py"
    inner.write_text("raise ValueError('not today')\n")
    with pytest.raises(ValueError, match="not today"):
        import watched
    assert done == []
    inner.write_text("# better\n")
    sys.modules.pop("watched.inner", None)
    import watched  # noqa: F401

    assert done == ["watched True"]


def test_an_instrumentor_that_fails_is_said_and_the_import_goes_on(monkeypatch, capsys, tmp_path):
    class Broken(Distribution):
        version = "9"
        metadata = {"Name": "opentelemetry-instrumentation-openai"}  # type: ignore[assignment]

        def read_text(self, filename: str) -> str | None:
            group = "[opentelemetry_instrumentor]\nopenai = no_such_module:It\n"
            return group if filename == "entry_points.txt" else None

        def locate_file(self, path):
            return tmp_path / path

    monkeypatch.setattr(sitecustomize, "instrumentor_of", lambda kind: Broken())
    sitecustomize.instrument("openai")
    assert capsys.readouterr().err == (
        "smile-trace: calls of openai are not captured, since opentelemetry-instrumentation-"
        "openai 9 cannot be used (No module named 'no_such_module'): "
        f"{sys.executable} -m pip install openinference-instrumentation-openai\n"
    )


def test_its_variable_is_the_one_that_the_command_sets():
    assert sitecustomize._REPORT == REPORT


@pytest.mark.parametrize(
    ("command", "module", "name"),
    [
        (["/srv/shop/app.py"], None, "app"),
        (["/srv/shop/app.py", "other:thing"], None, "app"),
        (["/srv/shop/shop/__main__.py"], "shop.__main__", "shop"),
        (["/srv/shop/shop/worker.py"], "shop.worker", "shop.worker"),
        (["/usr/bin/uvicorn", "--port", "80", "shop.api:app"], None, "shop.api"),
        (["/lib/uvicorn/__main__.py", "shop.api:create()"], "uvicorn.__main__", "shop.api"),
        (["/usr/bin/gunicorn", "-w", "4", "shop:app"], None, "shop"),
        (["/usr/bin/streamlit", "run", "pages/chat.py"], None, "chat"),
        (["/usr/bin/uvicorn", "--help"], None, "uvicorn"),
        (["/usr/bin/pytest", "tests/test_it.py"], None, "pytest"),
        (["/lib/ipykernel_launcher.py", "-f", "k.json"], "ipykernel_launcher", "reviews"),
        (["-c"], None, "unknown_service"),
        ([""], None, "unknown_service"),
    ],
)
def test_the_application_is_named(
    command: list[str], module: str | None, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", command)
    spec = None if module is None else ModuleSpec(module, None)
    monkeypatch.setattr(sys.modules["__main__"], "__spec__", spec)
    monkeypatch.setenv("JPY_SESSION_NAME", "/home/ann/reviews.ipynb")
    assert application_name() == name
