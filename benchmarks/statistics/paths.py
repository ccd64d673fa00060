"""Paths of planted agents: is the text named that decides the final answer, and in how many calls?

    python -m benchmarks.statistics.paths --traces 30

Agents of one to five calls (tests/support/planted_agents.py), an equal share of each kind of
driver, and five of which nothing has an effect. A driver is named where a source of that kind is
reached by the path, and one of its drivers holds it.
"""

import argparse
import json
import statistics
from collections.abc import Iterator
from pathlib import Path

import smile_trace
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
    arguments = parser.parse_args()
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


if __name__ == "__main__":
    main()
