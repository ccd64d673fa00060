"""Paths of planted agents: is the text named that decides the final answer, and in how many calls?

    python -m benchmarks.statistics.paths --traces 30
    python -m benchmarks.statistics.paths --traces 30 --motive

Agents of one to five calls (tests/support/planted_agents.py), an equal share of each kind of
driver, and five of which nothing has an effect. A driver is named where a source of that kind is
reached by the path, and one of its drivers holds it. `--motive` asks motive==0.0.2 instead (to be
installed), which explains one call and is told which: printed is whether it names the driver, and
another text, and the calls made.
"""

# mypy: disable-error-code="import-not-found"

import argparse
import asyncio
import json
import re
import statistics
from collections.abc import Iterator
from pathlib import Path

import smile_trace
from smile_trace.records.formats.requests import chat_messages
from smile_trace.settings import Settings
from smile_trace.store import Store
from tests.support.agents_in_store import serving_agent
from tests.support.planted_agents import KINDS, PlantedAgent, planted_agent, wrongly_named

NOTHING = 5
"""Traces in which nothing matters."""

RESULTS = Path(__file__).parent / "results" / "paths.json"


def main() -> None:
    """Explain the paths, store what each gave and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--traces", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--motive", action="store_true")
    arguments = parser.parse_args()
    if arguments.motive:
        for agent in agents(arguments.traces, arguments.seed):
            print(agent.kind, agent.calls, *asyncio.run(_motive(agent)), flush=True)
        return
    rows = []
    for agent in agents(arguments.traces, arguments.seed):
        rows.append(_row(agent))
        print(json.dumps(rows[-1]), flush=True)
    RESULTS.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    print(table(rows))


def agents(traces: int, seed: int) -> Iterator[PlantedAgent]:
    """The planted agents, with the calls 1, 2, 3, 4, 5 in turns for each kind."""
    for number in range(traces):
        kind = KINDS[number % len(KINDS)]
        calls = 1 + (number // len(KINDS)) % 5
        fewest = 2 if kind in ("tool", "tool_result") else 1
        yield planted_agent(seed + number, kind, max(calls, fewest))
    for number in range(NOTHING):
        yield planted_agent(seed + traces + number, "nothing", 1 + number % 5)


def table(rows: list[dict[str, object]]) -> str:
    """The figures as Markdown."""
    planted = [row for row in rows if row["kind"] != "nothing"]
    nothing = [row for row in rows if row["kind"] == "nothing"]
    calls = [int(str(row["calls"])) for row in planted]
    named = sum(row["named"] is True for row in planted)
    alone = sum(row["steps"] == 1 for row in nothing)
    wrong = sum(bool(row["wrong"]) for row in rows)
    return (
        "| driver named | wrong one named besides | calls, median | calls, most | "
        "of nothing: one node |\n|---|---|---|---|---|\n"
        f"| {named} of {len(planted)} | {wrong} of {len(rows)} | {statistics.median(calls):.0f} | "
        f"{max(calls)} | {alone} of {len(nothing)} |"
    )


def _row(agent: PlantedAgent) -> dict[str, object]:
    with serving_agent(agent) as (server, model):
        path = smile_trace.explain_path(agent.trace_id, model=model)
    return {
        "kind": agent.kind,
        "agent": agent.calls,
        "rewrites": agent.rewrites,
        "driver": agent.driver,
        "named": agent.named_by(path),
        "wrong": wrongly_named(agent, path),
        "steps": len(path.steps),
        "calls": path.cost.target_calls,
        "requests": len(server.bodies),
        "refused": len(server.refused),
    }


async def _motive(agent: PlantedAgent) -> tuple[bool, bool, int]:
    from motive import SaliencyEngine, Segment
    from openai import AsyncOpenAI

    with serving_agent(agent) as (server, _):
        with Store.open(Settings()) as store:
            calls = [c for c in store.trace(agent.trace_id).calls if "tools" in c.parameters]
        call = calls[agent.kind == "tool_result"]
        messages = chat_messages(call.messages, as_sent=True)
        contents = [str(message["content"]) for message in messages if message["content"]]
        texts = [text for one in contents for text in re.split("(?<=</document>)", one) if text]
        segments = [Segment(str(number), text, text) for number, text in enumerate(texts)]
        async with AsyncOpenAI(base_url=server.base_url, api_key="none") as client:
            engine = SaliencyEngine(client, "planted")
            found = await engine.explain_async(messages, segments, call.parameters["tools"])
    cut = {score.segment_id.split("__")[0] for score in found.scores if "__" in score.segment_id}
    named = [s.label for s in found.scores if s.decision_changed and s.segment_id not in cut]
    true = any(str(agent.driver) in text for text in named)
    wrong = any(not any(held in text for held in agent.texts) for text in named)
    return true, wrong, len(server.bodies)


if __name__ == "__main__":
    main()
