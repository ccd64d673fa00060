"""The pages of how-to with an application, followed as they stand.

An application is a Python block with a shell's block after it that runs a file: its call is
captured by the decorator, or sent to a receiver as the page says; then the worker reads and
explains it, with the page's table of its model. Where the block's reason is `NOT_HERE`, what the
page installs is installed into an environment of its own; else the tests' own has it. A strict
planted server stands in the place of every service.

Environments take minutes to install: the slow tests make three of them, `make test-pages` all.
"""

import os
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from smile_trace.records import JSON
from smile_trace.settings import Settings
from smile_trace.store import Store
from tests.support.command_line import run_command
from tests.support.markdown import Block, blocks_of, commands
from tests.support.paths import ROOT
from tests.support.receiver_process import receiving
from tests.support.services import services
from tests.support.uv import NotInstalled, uv

NOT_HERE = "by tests/e2e/test_traced_pages.py"
ENVIRONMENTS = ROOT / ".venv-how-to"
QUESTION = "Our shop opens at nine. When does the shop open?"
SETTINGS = """
sampling.rate = 1.0

[models."gpt-4o-mini"]
kind = "endpoint"
base_url = "https://api.openai.com/v1"
temperature_zero_is_deterministic = true

[models."openai/gpt-4o-mini"]
kind = "endpoint"
base_url = "https://api.openai.com/v1"
model = "gpt-4o-mini"
temperature_zero_is_deterministic = true
"""


PARAMETERS: dict[str, dict[str, JSON]] = {
    "anthropic-0": {"max_tokens": 200},
    "chains-0": {},
    "openai-0": {},
}
"""Of the pages that do not ask for, or do not tell, a temperature."""


class Application(NamedTuple):
    """One of a page: what is installed for it (None: the tests' environment has it), itself, the
    page's settings, and how it is run."""

    install: list[list[str]] | None
    code: str
    settings: str
    run: list[list[str]]

    @property
    def file(self) -> str:
        """What its code is to be called."""
        return next(word for words in self.run for word in words if word.endswith(".py"))


def applications() -> Iterator[tuple[str, Application]]:
    """All of them, by a name."""
    for page in sorted((ROOT / "docs" / "how-to").glob("*.md")):
        install: list[list[str]] = []
        blocks = blocks_of(page)
        for number, block in enumerate(blocks):
            if block.language == "bash" and "pip install" in block.code:
                install = [words for words in commands(block) if words[:2] == ["pip", "install"]]
            if block.language == "python" and (followed := _how_it_runs(blocks[number + 1 :])):
                name = f"{page.stem}-{sum(b.language == 'python' for b in blocks[:number])}"
                own = install if block.not_run == NOT_HERE else None
                yield name, Application(own, block.code, *followed)


def _how_it_runs(after: list[Block]) -> tuple[str, list[list[str]]] | None:
    """The settings and the commands that follow an application; None for another Python block."""
    settings = SETTINGS
    for block in after:
        if block.language == "toml":
            settings = block.code
        elif block.language == "bash" and re.search(r"python \w+\.py", block.code):
            return settings, commands(block)
        else:
            return None
    return None


APPLICATIONS = dict(applications())
INSTALLING = [name for name, of in APPLICATIONS.items() if of.install is not None]
LEFT_OUT = set(INSTALLING) - set(random.Random(1).sample(INSTALLING, 3))
if "SMILE_TRACE_ALL_PAGES" in os.environ:
    LEFT_OUT = set()


def test_the_index_names_every_page() -> None:
    index = (ROOT / "docs" / "how-to" / "README.md").read_text()
    pages = {page.name for page in (ROOT / "docs" / "how-to").glob("*.md")} - {"README.md"}
    assert {page for page in pages if f"]({page}" not in index} == set()


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in APPLICATIONS if name not in LEFT_OUT])
def test_its_call_is_read_and_explained(name: str, tmp_path: Path) -> None:
    application = APPLICATIONS[name]
    folder = _environment(name, application)
    home = tmp_path / "home"
    with services() as planted, receiving(home) as receiver:
        (tmp_path / "smile_trace.toml").write_text(planted.here(application.settings))
        code = planted.here(application.code).replace("http://127.0.0.1:4318", receiver.address)
        (tmp_path / application.file).write_text(code)
        own = {
            **_environment_variables(application),
            **planted.environment,
            "SMILE_TRACE_HOME": str(home),
            "LANGFUSE_BASE_URL": "http://127.0.0.1:9",  # nobody outside is asked
            "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
        }
        said = [_run(words, own, receiver.address, tmp_path) for words in application.run]
        assert planted.refused == [[], []]
    assert "At nine." in "".join(said)
    settings = Settings(home=home)
    with Store.open(settings) as store:
        [call_id] = store.traces.find_calls("")
        call, explanation = store.traces.call(call_id), store.explanation(call_id)
        assert (call.messages[-1].content, call.answer) == (QUESTION, "At nine.")
        assert f'{call.model}"' in application.code
        assert call.parameters == PARAMETERS.get(name, {"temperature": 0})
        assert explanation.status == "reliable", explanation.summary
        assert "nine" in explanation.drivers[0].text


def _environment_variables(application: Application) -> dict[str, str]:
    """Those that the application is to see: of Python's only in the tests' own environment."""
    hidden = ("OTEL_",) if application.install is None else ("OTEL_", "PYTHON")
    return {name: value for name, value in os.environ.items() if not name.startswith(hidden)}


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
    if application.install is None:
        return Path(sys.prefix)
    folder = ENVIRONMENTS / name
    wanted = str(application.install)
    if (marker := folder / "installed").exists() and marker.read_text() == wanted:
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    uv("venv", "--quiet", "--python", sys.executable, str(folder))
    python = str(folder / "bin" / "python")
    for words in application.install:
        # The worker and the receiver are those of the tests' own environment.
        wanted_here = [word for word in words[2:] if not word.startswith("smile-trace[worker")]
        packages = [re.sub("^smile-trace", str(ROOT), word) for word in wanted_here]
        if not packages:
            continue
        try:
            uv("pip", "install", "--quiet", "--python", python, *packages)
        except NotInstalled as error:
            pytest.skip(f"{packages} cannot be installed: {error}")
    marker.write_text(wanted)
    return folder
