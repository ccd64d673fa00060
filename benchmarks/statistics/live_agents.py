"""A planted agent that goes wrong as a program, for tools that run an agent again."""

import json
from collections.abc import Callable
from dataclasses import dataclass

from smile_trace.records import Message, ToolCall, ToolResult
from smile_trace.records.formats.answers import Called, read_tool_calls
from tests.support.wrong_agents import WrongAgent

History = list[list[str]]
"""What the model said and what the tool that it called returned, call by call."""
Named = tuple[int, str] | None
"""The number of a call, and whether its `model` or its `tool` is blamed."""


@dataclass
class Live:
    """An agent whose answer should hold `wanted`. What its trace holds is given again, unless it is
    `fresh`; for everything else its model (`asked` times) and its stub are asked."""

    agent: WrongAgent
    wanted: str
    asked: int = 0
    fresh: bool = False

    def __post_init__(self) -> None:
        calls = self.agent.trace.calls
        parts = [part for message in calls[-1].messages for part in message.parts]
        results = [str(part.response) for part in parts if isinstance(part, ToolResult)]
        said = [str(call.answer) for call in calls]
        self.trace = [list(pair) for pair in zip(said, [*results, ""], strict=True)]

    def run(self, model: Callable[[History], str], tool: Callable[[Called], str]) -> str:
        """The agent's final answer; its model and tools are what can be intervened on."""
        history: History = []
        while call := called(said := model(history)):
            history = [*history, [said, tool(call)]]
        return said

    def model(self, history: History) -> str:
        """The model's next answer."""
        if not self.fresh and history == self.trace[: len(history)]:
            return self.trace[len(history)][0]
        self.asked += 1
        messages = [*self.agent.asked]
        for said, returned in history:
            name, arguments = called(said) or ("", None)
            made = ToolCall(id=name, name=name, arguments=json.dumps(arguments))
            result = ToolResult(id=name, response=returned)
            messages.append(Message(role="assistant", parts=(made,)))
            messages.append(Message(role="tool", parts=(result,)))
        return self.agent.says(messages)

    def tool(self, call: Called, *, fresh: bool = False) -> str:
        """A tool's result: the stub's, if `fresh` or if the trace has no such call."""
        recorded = [returned for said, returned in self.trace if called(said) == call]
        return recorded[0] if recorded and not fresh else str(self.agent.stub(*call))

    def right(self, answer: str) -> float:
        """1 where the answer holds what it should."""
        return float(self.wanted in answer)


def called(said: str) -> Called | None:
    """The tool that an answer calls."""
    return (read_tool_calls(said) or (None,))[0]


def verdict(agent: WrongAgent, named: Named | str) -> str:
    """As `WrongAgent.named_by` has it, whose word is kept; no peer names a text within a call."""
    if named is None or isinstance(named, str):
        return named or "none"
    if named[0] != agent.step - 1:
        return "wrong"
    kind = "tool" if agent.kind.startswith("tool") else "model"
    return "right" if named[1] == kind and agent.culprit is None else "step"
