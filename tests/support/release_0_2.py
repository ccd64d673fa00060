"""Makes `tests/data/release_0_2`: a home with work in flight, as release 0.2 left it.

It was run once, with the code of that release, and is kept to show what is in there:
`python -m tests.support.release_0_2 FOLDER`. A later schema gets a folder of its own.

The calls are numbered: 1 is reliable, 2 has no effect, 3 failed (nothing may be removed), 5 raised,
6 and 7 render versions 1 and 2 of the prompt "support"; feedback is on 1. All of these are
delivered. Then the tracker was gone: 31 is explained, and nobody was told; 32 waits for a model
that is gone and therefore paused; 33 was being explained when the worker was killed (a round is
kept, answers are stored, reservations are open); 34 waits its turn; 35 stands in a spool file that
nobody has read.

Beside the two databases stands what release 0.2 said of them: `status.json` and `export.jsonl`.
"""

import json
import os
import shutil
import sqlite3
import sys
import tempfile
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from smile_trace import semconv
from smile_trace.records import PromptUse, Span, VariableSpan
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.store.queries.exchange import export_lines
from smile_trace.worker.status import read_home
from tests.support.planted import FixedServer, running
from tests.support.spooled import call_span, span_id, trace_id, write_spool
from tests.support.worker_process import WorkerProcesses

FOLDER = Path(__file__).parents[1] / "data" / "release_0_2"
PORT = 18744
"""Fixed: a model's address is a part of the key under which its answers are kept."""
WORD = "refund"
PROMPT = f"please give me my {WORD} now or else"
NAME = "support"
TEMPLATE = "You help customers.\nBe brief.\nQuestion: {question}\nAnswer:"
BUDGET = 16


def answer(prompt: str) -> str:
    """All of the answer depends on one word."""
    return "your money comes back" if WORD in prompt else "hello there, good morning"


def tables() -> dict[str, Any]:
    """The settings of that home, without its tracker."""
    here = {
        "kind": "endpoint",
        "base_url": f"http://127.0.0.1:{PORT}/v1",
        "temperature_zero_is_deterministic": True,
        "retries": 0,
        "concurrency": 2,
    }
    return {
        "models": {"planted": here, "gone": {**here, "base_url": "http://127.0.0.1:9/v1"}},
        "sampling": {"rate": 1.0},
        "budget": {"calls_per_explanation": BUDGET, "usd_per_explanation": None},
        "explain": {"protect": ["Nothing may be left out of this"]},
        "worker": {"poll_seconds": 0.1, "concurrent_explanations": 1},
        "retention": {"days": None, "response_days": 36500.0, "corrupt_line_days": None},
    }


def restore(home: Path) -> None:
    """Make the home as release 0.2 left it."""
    (home / "spool").mkdir(parents=True)
    for name in ("store", "engine"):
        with closing(sqlite3.connect(home / f"{name}.db")) as connection:
            connection.executescript((FOLDER / f"{name}.sql").read_text(encoding="utf-8"))
    shutil.copy(FOLDER / "35.jsonl", home / "spool")


def said_of(home: Path) -> dict[str, Any]:
    """What this release makes of a home, as JSON: its status and its explanations."""
    settings = Settings(home=home, **tables())
    with Store.open(settings) as store:
        exported = [json.loads(line) for line in export_lines(store.database)]
    return {"status": read_home(settings).model_dump(mode="json"), "export": exported}


def said_then() -> dict[str, Any]:
    """What release 0.2 made of it."""
    lines = (FOLDER / "export.jsonl").read_text(encoding="utf-8").splitlines()
    status = json.loads((FOLDER / "status.json").read_text(encoding="utf-8"))
    return {"status": status, "export": [json.loads(line) for line in lines]}


def main(folder: Path) -> None:
    """Make the home in a folder of its own and write it into `folder` as text."""
    with tempfile.TemporaryDirectory() as made:
        home = Path(made) / "home"
        _live(home)
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("store", "engine"):
            with closing(sqlite3.connect(home / f"{name}.db")) as connection:
                text = "\n".join(connection.iterdump())
            (folder / f"{name}.sql").write_text(text + "\n", encoding="utf-8")
        for path in (home / "spool").glob("*.jsonl"):
            (folder / path.name).write_bytes(path.read_bytes())
        said = said_of(home)
        status = json.dumps(said["status"], indent=1).replace(str(home), "HOME")
        (folder / "status.json").write_text(status + "\n", encoding="utf-8")
        lines = [json.dumps(line, ensure_ascii=False) + "\n" for line in said["export"]]
        (folder / "export.jsonl").write_text("".join(lines), encoding="utf-8")
        print(status)


def _live(home: Path) -> None:
    settings = Settings(home=home, **tables())
    workers = WorkerProcesses(home, tables())
    with running(FixedServer(answer, PORT)) as server:
        _capture(settings, 1)
        _capture(settings, 2, prompt="tell me a long story of some ship near the cold coast")
        _capture(settings, 3, prompt="Nothing may be left out of this")
        _capture(settings, 5, **{semconv.STATUS: "raised"})
        _capture_prompt(settings, "1", 6)
        _capture_prompt(settings, "2", 7)
        write_spool(settings.spool, [_feedback(1)], "feedback.jsonl")
        workers.finish()
        (home / "tracker" / "down").touch()
        _capture(settings, 31)
        _capture(settings, 32, model="gone")
        with (settings.spool / "31.jsonl").open("ab") as stream:
            stream.write(b"no line of ours\n")
        workers.finish()
        _kill_a_worker(settings, server, workers)
        _capture(settings, 35)
        workers.close()


def _kill_a_worker(settings: Settings, server: FixedServer, workers: WorkerProcesses) -> None:
    asked = len(server.bodies)
    hanging = threading.Event()

    def answer_some(prompt: str) -> str:
        if len(server.bodies) > asked + 8:
            hanging.wait()
        return answer(prompt)

    server.function = answer_some
    _capture(settings, 33)
    _capture(settings, 34)
    worker = workers.start()
    while len(server.bodies) < asked + 10:
        time.sleep(0.05)
    time.sleep(1.0)
    worker.kill()
    worker.join()
    hanging.set()


def _capture(
    settings: Settings, number: int, *, prompt: str = PROMPT, model: str = "planted", **more: Any
) -> None:
    if prompt == PROMPT:  # no text in common
        prompt = " ".join(f"{word}{number}" for word in prompt.split())
    held = {"gen_ai.request.temperature": 0.0, **more}
    span = call_span(number, prompt=prompt, answer=answer(prompt), model=model, **held)
    write_spool(settings.spool, [span], f"{number}.jsonl")


def _capture_prompt(settings: Settings, version: str, number: int) -> None:
    question = f"Where is {WORD} number {number}?"
    text = TEMPLATE.replace("{question}", question)
    start = text.index(question)
    use = PromptUse(
        name=NAME,
        version=version,
        template=TEMPLATE,
        variables={"question": question},
        message=0,
        start=0,
        end=len(text),
        variable_spans=(VariableSpan(name="question", start=start, end=start + len(question)),),
    )
    _capture(settings, number, prompt=text, **{semconv.PROMPTS: f"[{use.model_dump_json()}]"})


def _feedback(number: int) -> Span:
    given = {
        semconv.KIND: "feedback",
        semconv.FEEDBACK_TRACE: trace_id(number),
        semconv.FEEDBACK_NAME: "user_feedback",
        semconv.FEEDBACK_SCORE: 1.0,
        semconv.FEEDBACK_COMMENT: "that helped",
    }
    update = {"trace_id": trace_id(90), "span_id": span_id(2), "attributes": given}
    return call_span(number).model_copy(update=update)


if __name__ == "__main__":
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    main(Path(sys.argv[1]))
