"""The code blocks of the documentation run as they stand there.

Its Python blocks run against strict servers in the place of the services that it names: on the
pages that a new reader copies from each by itself, elsewhere one after the other, in one namespace.
Of a bash block the `smile-trace` commands run; those that
serve are stopped once they do. A trace_id of a page is that of a captured
call. TOML is read as settings. A block that cannot run has its reason in a comment directly
above it: `<!-- not run: why -->`.
"""

import inspect
import os
import re
import shlex
import time
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import smile_trace
from smile_trace.capture.runtime import configure, runtime, state
from smile_trace.cli import main
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.testing import captured
from smile_trace.worker.ingest import Ingest
from tests.support.application_process import spooled_calls
from tests.support.command_line import start_command
from tests.support.markdown import Block, blocks_of, commands
from tests.support.paths import ROOT
from tests.support.services import Services, services

# The pages of docs/contributing are executed by the tests of their seams.
PAGES = [
    *(ROOT / "README.md", ROOT / "CONTRIBUTING.md"),
    *sorted(page for folder in ("", "how-to/") for page in ROOT.glob(f"docs/{folder}*.md")),
    *sorted(ROOT.glob("integrations/*/README.md")),
]
FIRST = (ROOT / "README.md", ROOT / "docs" / "tutorial.md")
"""What a new reader follows: run with every change."""
COPIED = (*FIRST, *(page for page in PAGES if page.parent.name == "how-to"))
"""Pages whose blocks are copied, each alone."""
CODE = re.compile(r"^(\$ |pip |make |python |smile-trace |import |from \w+ import )", re.MULTILINE)
SETTINGS = '[models."gpt-4o-mini"]\nkind = "endpoint"\nbase_url = "https://api.openai.com/v1"\n'


@pytest.fixture(autouse=True)
def planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    """The services; and the reader's working directory, settings, and home with a captured call."""
    with services() as planted:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("SMILE_TRACE_HOME", str(tmp_path / "home"))
        for name, value in planted.environment.items():
            monkeypatch.setenv(name, value)
        (tmp_path / "smile_trace.toml").write_text(planted.here(SETTINGS))
        monkeypatch.setattr(state, "runtime", None)
        monkeypatch.setattr(state, "config", state.config)
        configure(home=tmp_path / "home")
        smile_trace.trace(model="gpt-4o-mini")(lambda prompt: "At nine.")("When do you open?")
        yield planted
        runtime().spool.close()
        assert planted.refused == [[], []]


@pytest.mark.model
@pytest.mark.parametrize(
    "page",
    [
        pytest.param(
            page,
            id=str(page.relative_to(ROOT)),
            marks=() if page in FIRST else pytest.mark.slow,
        )
        for page in PAGES
    ],
)
def test_the_blocks_of_a_page_run(
    page: Path, planted: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    [captured_call] = spooled_calls(Path("home"))
    if "TRACE_ID" in page.read_text(encoding="utf-8"):
        _read_spool()
    given: dict[str, Any] = {"__name__": page.stem, "trace_id": captured_call.trace_id}
    namespace = dict(given)
    for block in blocks_of(page):
        where = f"{page.relative_to(ROOT)}:{block.line}"
        if block.not_run:
            continue
        match block.language:
            case "python":
                namespace = dict(given) if page in COPIED else namespace
                exec(compile(planted.here(block.code), where, "exec"), namespace)
                _run_tests(namespace)
            case "bash":
                code = planted.here(block.code).replace("TRACE_ID", captured_call.trace_id)
                run = [
                    _run_command(words, where, monkeypatch)
                    for words in commands(replace(block, code=code))
                ]
                assert any(run), f"{where}: runs nothing, and no comment says why"
            case "toml":
                Settings.model_validate(tomllib.loads(block.code))
            case "" | "text" | "json":
                assert not CODE.search(block.code), f"{where}: code without a language"
            case language:
                pytest.fail(f"{where}: {language} is not run, and no comment says why")


def test_a_call_is_recorded_by_hand_without_the_client_that_is_captured_anyway() -> None:
    blocks = blocks_of(ROOT / "docs" / "capture.md")
    [block] = [one for one in blocks if "smile_trace.record(" in one.code and "httpx" in one.code]
    assert not re.search("import openai|from openai", block.code)


def test_commands_are_read_as_a_shell_reads_them() -> None:
    code = "A=b smile-trace x 'two\nlines' \\\n  --y  # why\n\nsmile-trace z   # 'tis\n"
    assert commands(Block("bash", code, 1, "")) == [
        ["A=b", "smile-trace", "x", "two\nlines", "--y"],
        ["smile-trace", "z"],
    ]


def _run_command(words: list[str], where: str, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Run the command where it is one of ours; whether it is."""
    if words[:1] == ["export"]:
        words = words[1:]
    words = [word for word in words if word != "&"]
    while words and "=" in words[0]:
        monkeypatch.setenv(*words[0].split("=", 1))
        words = words[1:]
    if not words or not words[0].endswith("smile-trace"):
        return False
    if words[1] == "receive" or (words[1] == "worker" and not {"--once", "--dry-run"} & set(words)):
        _serve(words, where)
        return True
    monkeypatch.setattr("sys.argv", ["smile-trace", *words[1:]])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code, f"{where}: {shlex.join(words)}"
    return True


def _read_spool() -> None:
    """What was captured is in the store, as after a worker."""
    settings = Settings()
    with Store.open(settings) as store:
        Ingest(store, settings).run()


def _serve(words: list[str], where: str) -> None:
    """Start the command, stop it as an operator does once it serves."""
    log, lock = Path("served.log").absolute(), Path("home/worker.lock")
    log.touch()
    lock.unlink(missing_ok=True)
    env = {**os.environ, "SMILE_TRACE_RECEIVE__PORT": "0"} if words[1] == "receive" else os.environ
    process = start_command(*words[1:], cwd=Path.cwd(), env=env, log=log)
    while process.is_alive() and not (lock.exists() or "receives OTLP" in log.read_text()):
        time.sleep(0.02)
    assert process.is_alive(), f"{where}: {log.read_text()}"
    process.terminate()
    process.join(120)
    assert process.exitcode == 0, f"{where}: {log.read_text()}"
    log.unlink()


def _run_tests(namespace: dict[str, Any]) -> None:
    """Call the tests that a block defines, with the fixtures that we give to pytest."""
    for name in [name for name in namespace if name.startswith("test_")]:
        test = namespace.pop(name)
        with captured() as found:
            given = {"smile_trace_captured": found}
            test(**{name: given[name] for name in inspect.signature(test).parameters})
