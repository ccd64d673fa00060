"""Planted agents that go wrong, beside tools that run an agent again: who names the step?

    python -m benchmarks.statistics.replayers --agents 40 [--noise .05]
    python -m benchmarks.statistics.replayers --agents 20 --noise .05 --impossible

smile-trace has an agent's trace, model and stub; a peer has the agent as a program, the same model
and stub, and its README's call. `--impossible` demands what no answer can hold. Printed is per kind
of error in how many step and part were named (`right`), the step alone, another one, and none.
"""

# Python 3.12; aevyra-origin==0.1.0 causal-agent-replay==0.0.1 trajectory-causal-attribution==1.0.0
# mypy: disable-error-code="import-not-found"

import argparse
import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any

from benchmarks.statistics.live_agents import Live, Named, called, verdict
from smile_trace.explaining.options import Question
from smile_trace.explaining.paths import WRONG_END_BUDGET, ask_path
from smile_trace.records.formats.answers import Called
from smile_trace.settings import Settings
from tests.support.wrong_agents import KINDS, wrong_agent


def smile_trace(live: Live) -> str:
    agent, budget = live.agent, WRONG_END_BUDGET
    asked = Question(agent.trace.trace_id, model=agent, budget=budget, contains=live.wanted)
    path = ask_path(asked, agent.trace, Settings(), stub=agent.stub)
    live.asked = path.cost.target_calls
    return agent.named_by(path)


def trajectory_causal_attribution(live: Live) -> Named:
    """Each step and what follows is run 60 times again; the last that this helps is blamed."""
    from agent_replay import attribute, record

    def program(ctx: Any) -> str:
        return live.run(
            lambda h: ctx.llm("model", lambda: live.model(h), history=h),
            lambda c: ctx.tool(c.name, lambda: live.tool(c, fresh=live.fresh), given=c.arguments),
        )

    trajectory = record(program, session_id="wrong", verifier=live.right)
    live.fresh = True
    index = attribute(trajectory, program, live.right, rollouts=60).culprit_index
    return None if index is None else (index // 2, ("model", "tool")[index % 2])


def aevyra_origin(live: Live) -> Named:
    """Each step's output is emptied in turn; the step that changes the score most is blamed."""
    from aevyra_origin import Origin
    from aevyra_witness import AgentTrace, TraceNode

    def run(_: Any, forced: dict[str, Any]) -> Any:
        nodes: list[Any] = []

        def span(kind: str, ask: Callable[[Any], str], given: Any) -> str:
            key = f"{len(nodes) // 2} {kind}"
            output = forced[key] if key in forced else ask(given)
            nodes.append(TraceNode(kind, id=key, output=output))
            return str(output)

        live.run(partial(span, "model", live.model), partial(span, "tool", live.tool))
        return AgentTrace(nodes=nodes)

    origin = Origin(str, runner=run, judge=lambda trace: live.right(trace.nodes[-1].output))
    found = origin.diagnose(trace=run(None, {}), score=0.0, rubric="right", method="ablation")
    return (top := found.top_culprit()) and (int(top.node_id.split()[0]), top.node_name)


async def causal_agent_replay(live: Live, *, stubbed: bool) -> Named:
    """Each action and what follows is drawn 16 times again, or a tool's result is the stub's."""
    import structlog
    from car.attribute.contrastive import contrastive_attribution
    from car.record.recorder import SyntheticCodec, record_run
    from car.replay.intervene import InterventionRunner
    from car.schemas.intervention import DoObservation
    from car.schemas.trajectory import Action, Observation, Outcome

    class World:
        model_id, provider = "planted", "synthetic"

        async def sample(self, state: Any) -> Any:
            turns = [message["content"] for message in state.messages[1:]]
            answer = live.model([[*pair] for pair in zip(turns[::2], turns[1::2], strict=True)])
            name, given = called(answer) or (None, None)
            kind = "tool_call" if name else "final"
            return Action(kind=kind, text=answer, tool_name=name, tool_args=given, raw={})

        async def observe(self, action: Any, fresh: bool = False) -> Any:
            result = live.tool(Called(action.tool_name, action.tool_args), fresh=fresh)
            return Observation(tool_name=action.tool_name, result=result, source="mocked")

        async def score(self, run: Any) -> Any:
            score = live.right(run.final_output)
            return Outcome(label="right" if score else "wrong", score=score)

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    world, codec = World(), SyntheticCodec()
    how = {"policy": world, "environment": world}
    told = {"trajectory_id": "wrong", "system_prompt": "", "tool_schemas": [], "user_input": ""}
    run = await record_run(codec=codec, **how, **told)
    live.fresh = True
    if not stubbed:
        how |= {"codec": codec, "outcome_fn": world}
        locus = (await contrastive_attribution(run, bad_label="wrong", **how)).causal_locus
        return None if locus is None else (locus, "model")
    named = None
    for step in run.steps[:-1]:
        result = (await world.observe(step.action, fresh=True)).result
        do = DoObservation(intervention_id="stub", step=step.index, new_result=result)
        branch = await InterventionRunner(codec).apply(run, do, **how)
        named = (step.index, "tool") if live.right(branch.children[0].final_output) else named
    return named


PEERS: dict[str, Callable[[Live], str | Named]] = {
    "smile-trace": smile_trace,
    "trajectory-causal-attribution": trajectory_causal_attribution,
    "aevyra-origin": aevyra_origin,
    "causal-agent-replay": lambda live: asyncio.run(causal_agent_replay(live, stubbed=False)),
    "do_observation": lambda live: asyncio.run(causal_agent_replay(live, stubbed=True)),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--agents", type=int, default=40)
    parser.add_argument("--noise", type=float, default=0.0)
    parser.add_argument("--impossible", action="store_true")
    options = parser.parse_args()
    kinds = KINDS if options.noise else KINDS[:-1]
    for name, peer in PEERS.items():
        counts: dict[str, Counter[str]] = defaultdict(Counter)
        asked = []
        for seed in range(options.agents):
            agent = wrong_agent(seed, noise=options.noise, kinds=kinds)
            live = Live(agent, "99 months" if options.impossible else agent.right[-1])
            counts[agent.kind][verdict(agent, peer(live))] += 1
            asked.append(live.asked)
        print(name, dict(counts), f"calls: {median(asked):.0f}, most {max(asked)}", flush=True)


if __name__ == "__main__":
    main()
