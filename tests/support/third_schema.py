"""Makes `tests/data/upgrade/0003`: a home with work in flight, as release 0.1 left it.

It was run once, with the code of that release, and is kept to show what is in there:
`python -m tests.support.third_schema FOLDER`. A later schema gets a folder of its own.

The settings file beside it, which is written by hand, has every setting. The calls are numbered:

1 reliable, 2 no effect, 3 unreliable, 4 failed (nothing may be left out), 5 skipped (it raised),
6 skipped (no model), 7 skipped (not to be called again), 8 with a proxy; 11 … 20 and 21 … 30
render versions 1 and 2 of the prompt "support": three of each explained one by one, two pooled,
the others sampled or not by their ids; feedback on 11. All of these are delivered. Then the tracker
was gone: 31 is explained, and nobody was told; 32 waits for a model that is gone and therefore
paused; 33 was being explained when the worker was killed (a round is kept, answers are stored,
two reservations are open); 34 waits its turn; 35 stands in a spool file that nobody has read.

Beside the two databases stands what release 0.1 said of them: `settings.json`, `status.json`,
`export.jsonl` and `comparison.json` of the two versions.
"""

import json
import os
import shutil
import sqlite3
import sys
import tempfile
import threading
import time
import tomllib
from collections.abc import Mapping
from contextlib import chdir
from pathlib import Path
from typing import Any
from unittest import mock

from smile_trace import semconv
from smile_trace.comparison import compare
from smile_trace.records import PromptUse, Span, VariableSpan
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.store.queries.exchange import export_lines
from smile_trace.worker.status import read_home
from tests.support.planted import FixedServer
from tests.support.spooled import call_span, span_id, trace_id, write_spool
from tests.support.worker_process import WorkerProcesses

FOLDER = Path(__file__).parents[1] / "data" / "upgrade" / "0003"
FILE = FOLDER / "smile_trace.toml"
PORT = 18744
"""As in the settings: a model's address is a part of the key under which its answers are kept."""
WORD = "refund"
PROMPT = f"please give me my {WORD} now or else"
NAME = "support"
TEMPLATES = {
    "1": "You help customers.\nBe brief.\nNever promise money.\nQuestion: {question}\nAnswer:",
    "2": "You help customers.\nBe brief and kind.\nQuestion: {question}\nAnswer:",
}
PROMPT_CALLS = {"1": range(11, 21), "2": range(21, 31)}


def answer(prompt: str) -> str:
    """All of the answer hangs on one word; a marker is said where somebody asks for it."""
    told = "PELICAN: " if "Begin your answer with the word PELICAN." in prompt else ""
    return told + ("your money comes back" if WORD in prompt else "hello there, good morning")


class CountingServer(FixedServer):
    """The planted model at its fixed address."""

    @property
    def asked(self) -> int:
        """How many answers it was asked for; word vectors are no answers."""
        return sum("messages" in body for body in self.bodies)


def tables() -> dict[str, Any]:
    """The settings of that home for a worker in a test: no tracker and no port but the model's."""
    found = tomllib.loads(FILE.read_text(encoding="utf-8"))
    del found["home"], found["trackers"], found["worker"]["metrics_port"]
    return found


def main(folder: Path) -> None:
    """Make the home in a folder of its own and write it into `folder` as text."""
    with tempfile.TemporaryDirectory() as made:
        home = Path(made) / "home"
        _live(home)
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("store", "engine"):
            with sqlite3.connect(home / f"{name}.db") as connection:
                text = "\n".join(connection.iterdump())
            (folder / f"{name}.sql").write_text(text + "\n")
        for path in (home / "spool").glob("*.jsonl"):
            (folder / path.name).write_bytes(path.read_bytes())
        (folder / FILE.name).write_bytes(FILE.read_bytes())
        _say(Path(made) / "again", folder)


def said_of(home: Path) -> dict[str, Any]:
    """What this release makes of a home, as JSON: its settings, status, explanations, versions."""
    settings = Settings(home=home, **tables())
    store = Store.open(settings)
    try:
        exported = [json.loads(line) for line in export_lines(store.database)]
    finally:
        store.close()
    return {
        "settings": _settings(home).model_dump(mode="json"),
        "status": read_home(settings).model_dump(mode="json"),
        "comparison": compare(NAME, budget=0, settings=settings).model_dump(mode="json"),
        "export": exported,
    }


def _settings(home: Path) -> Settings:
    """Those of the file in the home, which is found there."""
    with mock.patch.dict(os.environ, {"SMILE_TRACE_HOME": str(home)}), chdir(home):
        return Settings()


def _say(home: Path, folder: Path) -> None:
    """Write down what this release makes of the home that was written into `folder`."""
    _restore(folder, home)
    said = said_of(home)
    for name in ("settings", "status", "comparison"):
        text = json.dumps(said[name], indent=1, ensure_ascii=False).replace(str(home), "HOME")
        (folder / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    lines = [json.dumps(line, ensure_ascii=False) + "\n" for line in said["export"]]
    (folder / "export.jsonl").write_text("".join(lines), encoding="utf-8")
    print(json.dumps(said["status"], indent=1))


def _live(home: Path) -> None:
    settings = Settings(home=home, **tables())
    server = CountingServer(answer, PORT)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    workers = WorkerProcesses(home, tables())
    _capture(settings, 1)
    _capture(settings, 2, prompt="tell me a long story of some ship near the cold coast")
    _capture(settings, 3, said="nothing that this model would ever say")
    _capture(settings, 4, prompt="Nothing may be left out of this")
    _capture(settings, 5, **{semconv.STATUS: "raised"})
    _capture(settings, 6, model="stranger")
    _capture(settings, 7, model="again")
    _capture(settings, 8, model="dear", prompt=f"my {WORD} should come NB before the next weekend")
    for version, numbers in PROMPT_CALLS.items():
        for number in numbers:
            _capture_prompt(settings, version, number)
    write_spool(settings.spool, [_feedback(11)], "feedback.jsonl")
    workers.finish()
    compare(NAME, budget=8, settings=settings)  # replays inputs, and pays for them
    (home / "tracker" / "down").touch()
    _capture(settings, 31)
    _capture(settings, 32, model="gone")
    with (settings.spool / "31.jsonl").open("ab") as stream:
        stream.write(b"no line of ours\n")
    workers.finish()
    _kill_a_worker(settings, server, workers)
    _capture(settings, 35)
    workers.close()
    server.shutdown()
    server.server_close()


def _kill_a_worker(settings: Settings, server: CountingServer, workers: WorkerProcesses) -> None:
    asked = server.asked
    hanging = threading.Event()

    def answer_some(prompt: str) -> str:
        if server.asked > asked + 8:
            hanging.wait()
        return answer(prompt)

    server.function = answer_some
    _capture(settings, 33)
    _capture(settings, 34)
    worker = workers.start()
    while server.asked < asked + 10:
        time.sleep(0.05)
    time.sleep(1.0)
    worker.kill()
    worker.join()
    hanging.set()


def _capture(
    settings: Settings,
    number: int,
    *,
    prompt: str = PROMPT,
    said: str | None = None,
    model: str = "planted",
    **attributes: Any,
) -> None:
    words = prompt
    if prompt == PROMPT:  # no text in common
        words = " ".join(f"{word}{number}" for word in PROMPT.split())
    held = {"gen_ai.request.temperature": 0.0, **attributes}
    answered = answer(words) if said is None else said
    span = call_span(number, prompt=words, answer=answered, model=model, **held)
    function = span.model_copy(update={"name": f"ask {number}"})  # all of them are sampled
    write_spool(settings.spool, [function], f"{number}.jsonl")


def _capture_prompt(settings: Settings, version: str, number: int) -> None:
    template = TEMPLATES[version]
    question = f"Where is refund number {number}?"
    text = template.replace("{question}", question)
    start = text.index(question)
    spans = (VariableSpan(name="question", start=start, end=start + len(question)),)
    use = PromptUse(
        name=NAME,
        version=version,
        template=template,
        variables={"question": question},
        message=0,
        start=0,
        end=len(text),
        variable_spans=spans,
    )
    _capture(settings, number, prompt=text, **{semconv.PROMPTS: f"[{use.model_dump_json()}]"})


def _feedback(number: int) -> Span:
    given: Mapping[str, Any] = {
        semconv.KIND: "feedback",
        semconv.FEEDBACK_TRACE: trace_id(number),
        semconv.FEEDBACK_NAME: "user_feedback",
        semconv.FEEDBACK_SCORE: 1.0,
        semconv.FEEDBACK_COMMENT: "that helped",
    }
    call = call_span(number)
    update = {"trace_id": trace_id(90), "span_id": span_id(2), "attributes": dict(given)}
    return call.model_copy(update=update)


def load(home: Path) -> dict[str, Any]:
    """Make the home as release 0.1 left it; gives what that release said of it."""
    _restore(FOLDER, home)
    names = ("settings", "status", "comparison")
    texts = {name: (FOLDER / f"{name}.json").read_text(encoding="utf-8") for name in names}
    lines = (FOLDER / "export.jsonl").read_text(encoding="utf-8").splitlines()
    said = {name: json.loads(text) for name, text in texts.items()}
    return {**said, "export": [json.loads(line) for line in lines]}


def _restore(folder: Path, home: Path) -> None:
    """The home that is in `folder` as text."""
    (home / "spool").mkdir(parents=True)
    for name in ("store", "engine"):
        with sqlite3.connect(home / f"{name}.db") as connection:
            connection.executescript((folder / f"{name}.sql").read_text(encoding="utf-8"))
    shutil.copy(folder / "35.jsonl", home / "spool")
    text = (folder / FILE.name).read_text(encoding="utf-8").replace("HOME", str(home))
    (home / FILE.name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    main(Path(sys.argv[1]))
