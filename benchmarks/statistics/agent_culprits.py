"""Planted agents whose end is wrong from a known step on: are the step and the part named?

    python -m benchmarks.statistics.agent_culprits --agents 100
    python -m benchmarks.statistics.agent_culprits --agents 50 --noise .1
    python -m benchmarks.statistics.agent_culprits --agents 50 --no-stub

Agents of three to six calls (tests/support/wrong_agents.py), of each kind of error in turns; by
chance only where answers vary. Printed is per kind in how many step and part were named (`right`),
the step alone (`step`), another one (`wrong`) and none; `open` stands before what could not be
confirmed, since a tool would have been asked for what nobody knows.
"""

import argparse
from collections import Counter, defaultdict
from statistics import median

from smile_trace.explaining.options import Question
from smile_trace.explaining.paths import WRONG_END_BUDGET, ask_path
from smile_trace.records.path import ExplanationPath
from smile_trace.settings import Settings
from tests.support.wrong_agents import KINDS, WrongAgent, wrong_agent


def explained(agent: WrongAgent, arguments: argparse.Namespace, seed: int) -> ExplanationPath:
    """The path of an agent, by what its answer should have said or not."""
    wanted = agent.right[-1] if arguments.target == "contains" else agent.wrong_end
    question = Question(
        trace_id=agent.trace.trace_id,
        model=agent,
        budget=arguments.budget,
        seed=seed,
        **{arguments.target: wanted},
    )
    stub = agent.stub if arguments.stub else None
    return ask_path(question, agent.trace, Settings(), stub=stub)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--agents", type=int, default=50)
    parser.add_argument("--noise", type=float, default=0.0)
    parser.add_argument("--budget", type=int, default=WRONG_END_BUDGET)
    parser.add_argument("--target", choices=("contains", "avoid"), default="contains")
    parser.add_argument("--stub", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--shown", action="store_true", help="print each summary")
    arguments = parser.parse_args()
    kinds = KINDS if arguments.noise else KINDS[:-1]
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    calls = []
    for seed in range(arguments.agents):
        agent = wrong_agent(seed, noise=arguments.noise, kinds=kinds)
        path = explained(agent, arguments, seed)
        verdict = agent.named_by(path)
        counts[agent.kind][verdict] += 1
        calls.append(path.cost.target_calls)
        if arguments.shown:
            said = path.culprit.summary if path.culprit else "none"
            at = f"step {agent.step} of {agent.calls}"
            print(seed, agent.kind, at, verdict, calls[-1], said, "\n", flush=True)
    for kind in kinds:
        print(f"{kind:12}", dict(counts[kind]))
    right = sum(count["right"] for count in counts.values())
    false = sum(count[said] for count in counts.values() for said in ("wrong", "step"))
    print(f"step and part right: {right} of {arguments.agents}; another one named: {false}")
    print(f"calls: median {median(calls):.0f}, most {max(calls)}")


if __name__ == "__main__":
    main()
