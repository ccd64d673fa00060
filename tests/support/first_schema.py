"""Makes `tests/data/upgrade/0001`: a home with work in flight, as the first schema left it.

It was run once, with the code of that schema, and is kept to show what is in there:
`python -m tests.support.first_schema FOLDER`. A later schema gets a folder of its own.

One call is explained and delivered, one explained and not delivered, one was being explained
when the worker was killed (a round is kept, answers are stored, two reservations are open),
one waits its turn, one waits for a model that is gone, one was never sampled for its failure,
and one stands in a spool file that nobody has read.
"""

import os
import sqlite3
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from smile_trace import semconv
from smile_trace.settings import Settings
from smile_trace.store import Store
from tests.support.planted import FixedServer
from tests.support.spooled import call_span, write_spool
from tests.support.worker_process import WorkerProcesses

PORT = 18742
"""Fixed: a model's address is a part of the key under which its answers are kept."""
WORD = "refund"
PROMPT = f"please give me my {WORD} now or else"
BUDGET = 12


def answer(prompt: str) -> str:
    """All of the answer depends on one word."""
    return "your money comes back" if WORD in prompt else "hello there, good morning"


def tables() -> dict[str, Any]:
    """The settings of that home."""
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
        "worker": {"poll_seconds": 0.1, "concurrent_explanations": 1},
    }


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


def _live(home: Path) -> None:
    settings = Settings(home=home, **tables())
    server = FixedServer(answer, PORT)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    workers = WorkerProcesses(home, tables())
    _capture(settings, 1)
    workers.finish()
    (home / "tracker" / "down").touch()
    _capture(settings, 2)
    _capture(settings, 6, **{semconv.STATUS: "raised"})
    _capture(settings, 5, model="gone")
    with (settings.spool / "7.jsonl").open("ab") as stream:
        stream.write(b"no line of ours\n")
    workers.finish()
    asked = len(server.bodies)
    blocked = threading.Event()

    def answer_some(prompt: str) -> str:
        if len(server.bodies) > asked + 8:
            blocked.wait()
        return answer(prompt)

    server.function = answer_some
    _capture(settings, 3)
    _capture(settings, 4)
    worker = workers.start()
    while len(server.bodies) < asked + 10:
        time.sleep(0.05)
    time.sleep(1.0)
    worker.kill()
    worker.join()
    _capture(settings, 8)
    store = Store.open(settings)
    print(store.status().model_dump_json(indent=1))
    store.close()
    workers.close()


def _capture(settings: Settings, number: int, **attributes: Any) -> None:
    words = " ".join(f"{word}{number}" for word in PROMPT.split())  # no text in common
    held = {"gen_ai.request.temperature": 0.0, **attributes}
    span = call_span(number, prompt=words, answer=answer(words), **held)
    write_spool(settings.spool, [span], f"{number}.jsonl")


if __name__ == "__main__":
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    main(Path(sys.argv[1]))
