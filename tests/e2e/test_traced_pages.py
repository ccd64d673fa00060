"""Pages for applications that are traced already, followed as they stand.

What a page installs is installed into an environment of its own, its application runs there, and
sends to a receiver what the page says; then the worker reads and explains the call. A Python block
takes part by its reason (`NOT_HERE`), with the last `pip install` before it and the shell's block
after it.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from smile_trace.settings import Settings
from smile_trace.store import Store
from tests.support.command_line import run_command
from tests.support.markdown import Block, blocks_of, commands
from tests.support.paths import ROOT
from tests.support.receiver_process import receiving
from tests.support.strict_openai import strict

NOT_HERE = "in an environment of its own, by tests/e2e/test_traced_pages.py"
ENVIRONMENTS = ROOT / ".venv-how-to"
QUESTION = "Our shop opens at nine. When does the shop open?"
SETTINGS = """
sampling.rate = 1.0

[models."gpt-4o-mini"]
kind = "endpoint"
base_url = "{url}"
temperature_zero_is_deterministic = true

[models."openai/gpt-4o-mini"]
kind = "endpoint"
base_url = "{url}"
model = "gpt-4o-mini"
temperature_zero_is_deterministic = true
"""


WITHOUT_PARAMETERS = {"google-adk-0"}


class Application(NamedTuple):
    """One of a page: what is installed for it, itself, and how it is run."""

    install: list[list[str]]
    code: str
    run: list[list[str]]


def applications() -> Iterator[tuple[str, Application]]:
    """All of them, by a name."""
    for page in sorted((ROOT / "docs" / "how-to").glob("*.md")):
        install: list[list[str]] = []
        blocks = blocks_of(page)
        for number, block in enumerate(blocks):
            if block.language == "bash" and "pip install" in block.code:
                install = [words for words in commands(block) if words[:2] == ["pip", "install"]]
            if block.language == "python" and block.not_run == NOT_HERE:
                run: Block = next(b for b in blocks[number:] if b.language == "bash")
                name = f"{page.stem}-{sum(b.language == 'python' for b in blocks[:number])}"
                yield name, Application(install, block.code, commands(run))


APPLICATIONS = dict(applications())


def test_the_index_names_every_page() -> None:
    index = (ROOT / "docs" / "how-to" / "README.md").read_text()
    pages = {page.name for page in (ROOT / "docs" / "how-to").glob("*.md")} - {"README.md"}
    assert {page for page in pages if f"]({page}" not in index} == set()


@pytest.mark.slow
@pytest.mark.parametrize("name", APPLICATIONS)
def test_its_call_is_read_and_explained(name: str, tmp_path: Path) -> None:
    application = APPLICATIONS[name]
    folder = _environment(name, application)
    home = tmp_path / "home"
    answering = strict(lambda body: "At nine." if "nine" in str(body) else "That is not known.")
    with answering as server, receiving(home) as receiver:
        (tmp_path / "smile_trace.toml").write_text(SETTINGS.format(url=server.base_url))
        here = application.code.replace("http://127.0.0.1:4318", receiver.address)
        (tmp_path / "app.py").write_text(here)
        own = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "OTEL_"))}
        own |= {
            "SMILE_TRACE_HOME": str(home),
            "OPENAI_BASE_URL": server.base_url,
            "OPENAI_API_KEY": "a-key",
            "LANGFUSE_BASE_URL": "http://127.0.0.1:9",  # nobody outside is asked
            "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
        }
        said = [_run(words, own, receiver.address, tmp_path) for words in application.run]
        assert server.refused == []
    assert "At nine." in "".join(said)
    settings = Settings(home=home)
    store = Store.open(settings)
    try:
        [call_id] = store.traces.find_calls("")
        call, explanation = store.traces.call(call_id), store.explanation(call_id)
        assert (call.messages[-1].content, call.answer) == (QUESTION, "At nine.")
        assert call.model.removeprefix("openai/") == "gpt-4o-mini"
        assert call.parameters == ({} if name in WITHOUT_PARAMETERS else {"temperature": 0})
        assert explanation.status == "reliable", explanation.summary
        assert "nine" in explanation.drivers[0].text
    finally:
        store.close()


def _run(words: list[str], own: dict[str, str], address: str, folder: Path) -> str:
    """Run a command of the page as a reader would, but for the receiver, which is running."""
    exported = words[0] == "export"
    variables = own if exported else dict(own)
    words = words[exported:]
    while words and "=" in words[0]:
        name, _, value = words[0].partition("=")
        variables[name] = value.replace("http://127.0.0.1:4318", address)
        words = words[1:]
    if exported:
        return ""
    if words[:2] == ["smile-trace", "receive"]:
        return ""
    if words[0] == "smile-trace" and words[1] != "run":
        done = run_command(*words[1:], cwd=folder, env=variables)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()
    program = shutil.which(words[0], path=own["PATH"])
    assert program is not None, f"{words[0]} is not installed by what the page installs"
    ran = subprocess.run(
        [program, *words[1:]],
        cwd=folder,
        env=variables,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def _environment(name: str, application: Application) -> Path:
    """The environment that the page installs, made once; smile-trace is this checkout."""
    folder = ENVIRONMENTS / name
    wanted = str(application.install)
    if (marker := folder / "installed").exists() and marker.read_text() == wanted:
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    for words in application.install:
        # The worker and the receiver are those of the tests' own environment.
        wanted_here = [word for word in words[2:] if not word.startswith("smile-trace[worker")]
        packages = [str(ROOT) if word == "smile-trace" else word for word in wanted_here]
        if not packages:
            continue
        pip = [str(folder / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check"]
        done = subprocess.run([*pip, *packages], capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"{packages} cannot be installed: {done.stderr[-300:]}")
    marker.write_text(wanted)
    return folder
