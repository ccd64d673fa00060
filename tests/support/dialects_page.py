"""`docs/dialects.md`: who writes calls, made of the recordings, of what the instrumentors gave when
they were last run, and of what `lacks` says that they do not write.

`python -m tests.support.dialects_page` writes it; a test holds the page against it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from smile_trace.dialects.parts import has_content
from smile_trace.records import Call, Media, ToolResult
from tests.instrumentors.record import packages_of, parts_of
from tests.instrumentors.table import INSTRUMENTORS, Instrumentor
from tests.support.paths import ROOT
from tests.support.recorded_calls import FILES, calls_of

PAGE = ROOT / "docs" / "dialects.md"
LAST_RUN = ROOT / "tests/instrumentors/last_run.md"
"""Rows that `make test-instrumentors` printed, without the last column where that says ok."""
FROM_SOURCE = "from-source"
"""The mode of a recording that was not recorded."""
SOURCES = {
    "genkit-ai-otel": (
        "genkit-ai/genkit/blob/0de024bf3052101276092505ab4b4834b432ad96/js/plugins/otel/src"
        "/gen-ai-instrumentation.ts",
        "but for `tools` and the schema of an answer, which `captureActionIO` adds",
    ),
    "langchain4j-observation": (
        "langchain4j/langchain4j/blob/b8b809ed57e4b65ec9b87a27c25564bdd4a80e4b/langchain4j-observation"
        "/src/main/java/dev/langchain4j/observation/convention/DefaultChatModelConvention.java",
        "no messages, parameters or tools",
    ),
    "microsoft-extensions-ai": (
        "dotnet/extensions/blob/5862342c9a100ca33f5d1f2bd58c511bde1e8f40/src/Libraries"
        "/Microsoft.Extensions.AI/ChatCompletion/OpenTelemetryChatClient.cs",
        "yes",
    ),
    "semantic-kernel-dotnet": (
        "microsoft/semantic-kernel/blob/b39d95a34435f4c1d55dd00c86120ce118d847e1/dotnet/src"
        "/InternalUtilities/src/Diagnostics/ModelDiagnostics.cs",
        "but for `tools`, the plugin in a tool's name, and parameters but three",
    ),
    "spring-ai": (
        "spring-projects/spring-ai/blob/fd3fd6ec700340b90c3d516be57c6e6c87dd7df1/spring-ai-model/src"
        "/main/java/org/springframework/ai/chat/observation/DefaultChatModelObservationConvention.java",
        "no messages or tools",
    ),
}
"""Of each emitter whose spans were shaped from its source: the file, at a commit, and how complete
the requests are in what it writes."""
INTRODUCTION = """\
# What is read from whom

Spans of an emitter that is not here are read where it writes OpenTelemetry's GenAI conventions,
OpenInference's, or a provider's JSON; `smile-trace doctor` names those that are not read, with the
switch to set, and `smile-trace calls` shows what was. [A dialect](contributing/dialect.md) is one
file.

A call is read once, when its trace is complete. After an upgrade, or with a dialect of your own,
`smile-trace reread --since 30d` reads stored traces again and lists the calls that are now read
differently (`--dry-run` changes nothing). A call that was explained keeps its explanation until
`smile-trace retry` asks for another one.

## Emitters

An application with each asked a planted server. *Read*: how many of its calls were, each held
against what the server got. *Complete*: asked again as they were sent, but for what the emitter
does not write (in how many calls); a call of a tool is not asked again without its tools.
*Explained live*: by a worker (`make test-instrumentors`); in brackets an older release, where that
gave less; "–": known by a recording, or where the name is a link by that source alone. *Holds*:
besides messages and answers; *results* are those of tools.

"""


@dataclass(frozen=True)
class Run:
    """A row of the last run."""

    release: str
    calls: int
    read: int
    explained: int


def page() -> str:
    """The whole page."""
    head = [
        "emitter",
        "release",
        "read",
        "complete",
        "explained live",
        "holds",
    ]
    rows = sorted(_rows(), key=lambda cells: cells[0].lstrip("[").lower())
    lines = [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows)]
    return INTRODUCTION + "\n".join(lines) + "\n"


def _rows() -> Iterator[list[str]]:
    """The emitters that were run, then the recordings of others."""
    calls = {name: calls_of(name) for name in FILES}
    runs, told = _last_run(), set()
    for one in INSTRUMENTORS:
        packages, newest = packages_of(one), runs.get(one.name)
        recorded = [name for name in FILES if parts_of(name)[::2] == (packages[0], one.mode)]
        same = [name for name in recorded if newest and parts_of(name)[1] == newest.release]
        recorded = same or recorded  # of several releases
        told.update(recorded)
        found = [call for name in recorded for call in calls[name]]
        if newest is not None:
            read, release = f"{newest.read}/{newest.calls}", newest.release
        elif recorded:
            read, release = str(len(found)), parts_of(recorded[-1])[1]
        else:
            continue
        live = _live(newest, runs.get(f"{one.name}, older"))
        yield [_named(packages, one.mode), release, read, _complete(one), live, _holds(found)]
    for name in FILES:
        package, release, mode = parts_of(name)
        content = any(has_content(m) for call in calls[name] for m in call.messages)
        if name in told or not (content or mode == FROM_SOURCE):
            continue
        asked = sum(call.not_repeatable is None for call in calls[name])
        complete, named = f"{asked}/{len(calls[name])}", _named([package], mode)
        if mode == FROM_SOURCE:
            file, complete = SOURCES[package]
            named = f"[{named}](https://github.com/{file})"
        yield [named, release, str(len(calls[name])), complete, "–", _holds(calls[name])]


def _last_run() -> dict[str, Run]:
    lines = [line.strip("| ").split(" | ") for line in LAST_RUN.read_text("utf-8").splitlines()[2:]]
    return {
        name: Run(versions.split(",")[0].split()[-1], *map(int, counts))
        for name, versions, *counts in lines
    }


def _named(packages: list[str], mode: str) -> str:
    said = " + ".join(packages)
    return said if mode in ("", FROM_SOURCE, "and_client") else f"{said} ({mode})"


def _complete(one: Instrumentor) -> str:
    lacking: dict[str, list[str]] = {}
    for item in sorted(one.lacks):
        call, _, field = item.rpartition(".")
        what = f"the call `{field}`" if field in one.application.calls else f"`{field}`"
        lacking.setdefault(what, []).extend([f"`{call}`"] if call else [])
    said = [f"{what} ({len(of)})" if of else what for what, of in lacking.items()]
    return f"but for {', '.join(said)}" if said else "yes"


def _live(newest: Run | None, older: Run | None) -> str:
    if newest is None:
        return "–"
    said = f"{newest.explained}/{newest.calls}"
    if older is not None and older.explained * newest.calls < newest.explained * older.calls:
        said += f" ({older.release}: {older.explained}/{older.calls})"
    return said


def _holds(calls: Sequence[Call]) -> str:
    """What the calls hold besides messages and answers."""
    parts = [part for call in calls for message in call.messages for part in message.parts]
    holds = {
        "tools": any("tools" in call.parameters for call in calls),
        "results": any(isinstance(part, ToolResult) for part in parts),
        "images": any(isinstance(part, Media) for part in parts),
        "documents": any(call.documents for call in calls),
        "template": any(call.prompts for call in calls),
        "session": any(call.session for call in calls),
        "user": any(call.user for call in calls),
    }
    return ", ".join(name for name, held in holds.items() if held) or "–"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
