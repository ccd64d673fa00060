"""`docs/dialects.md`, made from the table of the recorded calls, with what the instrumentors
themselves gave when they were last run.

`python -m tests.support.dialects_page` writes it; a test holds the page against it.
"""

from collections.abc import Callable, Sequence

from tests.support.paths import ROOT
from tests.support.recorded_calls import RECORDED, Row, calls_of

PAGE = ROOT / "docs" / "dialects.md"
INTRODUCTION = """\
# What is read from whom

Each row is an application whose spans were recorded and whose calls were counted by hand; the
tests read the recordings and find the same. *Yes* is said of what the recording holds, *–* of
what the instrumentor does not write (or the application did not use). Spans of an instrumentor
that is not here are read where it writes OpenTelemetry's GenAI conventions, OpenInference's, or a
provider's JSON; `smile-trace doctor` names those that are not read, and `smile-trace calls` shows
what was. [A dialect](contributing/dialect.md) is one file.

A call is read once, when its trace is complete: what is stored then is what is explained, shown,
delivered and exported, and the dialect that read it is noted with its release. After an upgrade, or
a dialect of your own, `smile-trace reread --since 30d` reads stored traces again and says which
calls read otherwise (`--dry-run` only says it). Their traces are delivered again; a call that was
explained is named, and keeps its explanation until `smile-trace retry` asks for another one.

A call has the name that the application gave it: of the innermost function that smile-trace
decorated, else of Vercel's `functionId`, of an agent (`gen_ai.agent.name`, OpenInference's
`agent.name`), of a chain, node or traced function around it. Names that frameworks give themselves
(`RunnableSequence`, `LangGraph`, `Predict.forward`) and those that are made anew for every call do
not count; then it has its span's.

"""
LAST_RUN = ROOT / "tests/instrumentors/last_run.md"
"""Rows that `make test-instrumentors` printed, without the last column where that says ok."""
LIVE = """
## Run live

`make test-instrumentors`: an application with each instrumentor, in an environment of its own, asks
a planted server and sends its spans to `smile-trace receive`; a worker reads its calls, which have
to be what the server got, and explains them by what was planted. Run on 27 November 2026 were the
newest release of each and an older one. Less is read than asked where an instrumentor leaves out a
call; less explained than read where it leaves out messages, or which tools were offered to an
answer that calls one.

"""
COLUMNS: dict[str, Callable[[Sequence[Row]], bool]] = {
    "messages": lambda rows: any(_captured(row) for row in rows),
    "answers": lambda rows: any(row.answer for row in rows),
    "several parts": lambda rows: any(len(said) > 2 for row in rows for said in row.messages),
    "calls of tools": lambda rows: any((row.answer or "").startswith('{"tool') for row in rows),
    "results of tools": lambda rows: _has(rows, "result"),
    "tools offered": lambda rows: any(row.tools for row in rows),
    "images": lambda rows: _has(rows, "image"),
    "documents": lambda rows: any(row.documents for row in rows),
    "parameters": lambda rows: any(row.parameters for row in rows),
    "template": lambda rows: any(row.template for row in rows),
    "usage": lambda rows: any(row.usage for row in rows),
    "session": lambda rows: any(row.session for row in rows),
    "user": lambda rows: any(row.user for row in rows),
}


def page() -> str:
    """The whole page."""
    head = ["recorded", "dialect", "calls", *COLUMNS]
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    for name, table in RECORDED.items():
        rows = tuple(table.values())
        dialects = sorted({f"`{call.dialect}`" for call in calls_of(name)})
        said = ["yes" if holds(rows) else "–" for holds in COLUMNS.values()]
        cells = [name, ", ".join(dialects) or "–", str(len(rows)), *said]
        lines.append(f"| {' | '.join(cells)} |")
    return INTRODUCTION + "\n".join(lines) + "\n" + LIVE + LAST_RUN.read_text("utf-8")


def _captured(row: Row) -> bool:
    return any(isinstance(item, str) for said in row.messages for item in said[1:])


def _has(rows: Sequence[Row], kind: str) -> bool:
    items = [item for row in rows for said in row.messages for item in said[1:]]
    return any(isinstance(item, tuple) and item[0] == kind for item in items)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
