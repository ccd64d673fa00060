"""Why this tool: is the word first that decides which tool is chosen?

    python -m benchmarks.statistics.tool_choice --ask    # asks the model what is not known yet
    python -m benchmarks.statistics.tool_choice          # from the stored answers

SmolLM2 135M Instruct chooses one of four tools through a JSON schema with an enumeration, after
four examples. A message is kept if there is exactly one word without which another tool is chosen;
these calls are made before any study. The first MESSAGES that are kept are explained word by word,
by `answer_part="$.tool"`, in at most BUDGET calls. Then the same by a planted model, which calls
tools.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

import smile_trace
from benchmarks.statistics.chats import wilson
from smile_trace.models.kinds.endpoint import Endpoint, EndpointSettings
from smile_trace.models.kinds.local import LocalModel, LocalSettings
from smile_trace.models.packaged import chat_model_path
from smile_trace.records import Explanation
from tests.support.planted import PlantedModel
from tests.support.strict_openai import strict

MESSAGES, BUDGET = 20, 40
WORDS = Path(__file__).parent / "data" / "tool_messages.txt"
ANSWERS = Path(__file__).parent / "results" / "tool_choice.json"

EXAMPLES = {
    "Will it be sunny?": "weather",
    "Put on a song.": "music",
    "Wake me at six.": "alarm",
    "Write to my mother.": "message",
}
SCHEMA = {
    "type": "object",
    "properties": {"tool": {"type": "string", "enum": list(EXAMPLES.values())}},
    "required": ["tool"],
    "additionalProperties": False,
}
PARAMETERS: dict[str, Any] = {
    "temperature": 0,
    "max_tokens": 24,
    "response_format": {"type": "json_schema", "json_schema": {"name": "tool", "schema": SCHEMA}},
}

Say = Callable[[str], str]
"""The answer to a message."""


def chat(message: str) -> list[dict[str, str]]:
    """The examples, and the message."""
    turns = [
        turn
        for text, tool in EXAMPLES.items()
        for turn in (
            {"role": "user", "content": text},
            {"role": "assistant", "content": json.dumps({"tool": tool})},
        )
    ]
    return [*turns, {"role": "user", "content": message}]


class Answers:
    """What the model says to a message at temperature 0, from the file; with `ask`, from the model.

    Its prompt cache is on, so that one answer in some thirty depends on what was asked before: each
    message is asked once, and the stored answers are the model that is explained.
    """

    def __init__(self, *, ask: bool) -> None:
        self._known: dict[str, str] = json.loads(ANSWERS.read_text()) if ANSWERS.exists() else {}
        settings = LocalSettings(
            kind="local", path=chat_model_path(), form="chat", slots=1, context_tokens=2048
        )
        self._model = LocalModel("smollm2", settings) if ask else None

    def say(self, message: str) -> str:
        """The answer.

        Raises:
            KeyError: it is not stored, and the model may not be asked.
        """
        if message not in self._known:
            if self._model is None:
                raise KeyError(f"no answer to {message!r} is stored: add --ask")
            url = f"{self._model.start()}/chat/completions"
            reply = httpx.post(url, json={"messages": chat(message), **PARAMETERS}, timeout=600)
            self._known[message] = reply.json()["choices"][0]["message"]["content"]
        return self._known[message]

    def keep(self) -> None:
        """Write the file."""
        known = dict(sorted(self._known.items()))
        ANSWERS.write_text(json.dumps(known, indent=0, ensure_ascii=False) + "\n")

    def close(self) -> None:
        """Stop the model."""
        if self._model is not None:
            self._model.close()


def deciding(message: str, say: Say) -> list[str]:
    """The words without which another tool is chosen, by exact removal, at most two."""
    words, chosen = message.split(), say(message)
    found = []
    for place, word in enumerate(words):
        if say(" ".join(words[:place] + words[place + 1 :])) != chosen:
            found.append(word)
        if len(found) == 2:
            break
    return found


def explain(message: str, say: Say) -> Explanation:
    """The explanation of the tool that was chosen."""
    examples = len("\n".join(one["content"] for one in chat("")))
    return smile_trace.explain(
        chat(message),
        model=PlantedModel(lambda prompt: say(prompt[examples:])),
        parameters=PARAMETERS,
        answer=say(message),
        unit="word",
        answer_part="$.tool",
        protect=("assistant", *EXAMPLES),
        budget=BUDGET,
    )


def planted(message: str, word: str) -> Explanation:
    """The same message to a server that calls another tool without the word."""

    def answer(body: dict[str, Any]) -> list[dict[str, Any]]:
        said = str(body["messages"][-1]["content"]).split()
        return [{"name": "music" if word in said else "message", "arguments": {"text": said[0]}}]

    tools = [
        {"type": "function", "function": {"name": name, "parameters": {"type": "object"}}}
        for name in EXAMPLES.values()
    ]
    with strict(answer) as server:
        settings = EndpointSettings(
            kind="endpoint", base_url=server.base_url, temperature_zero_is_deterministic=True
        )
        return smile_trace.explain(
            [{"role": "user", "content": message}],
            model=Endpoint("planted", settings),
            parameters={"tools": tools, "temperature": 0},
            unit="word",
            answer_part="tool",
            budget=BUDGET,
        )


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ask", action="store_true", help="ask the model what is not stored")
    answers = Answers(ask=parser.parse_args().ask)
    seen, kept, first, significant, calls = 0, 0, 0, 0, 0
    of_planted = 0
    try:
        for message in WORDS.read_text(encoding="utf-8").splitlines():
            if kept == MESSAGES:
                break
            seen += 1
            words = deciding(message, answers.say)
            if len(words) != 1:
                continue
            found = explain(message, answers.say)
            kept += 1
            calls += found.cost.target_calls
            first += found.ranked[0].text == words[0]
            significant += words[0] in [s.text for s in found.drivers]
            again = planted(message, message.split()[kept % len(message.split())])
            of_planted += again.ranked[0].text == message.split()[kept % len(message.split())]
            print(f"{kept} of {seen}: {message!r} {answers.say(message)} {words[0]!r}",
                  found.ranked[0].text == words[0], found.status, flush=True)  # fmt: skip
            answers.keep()
    finally:
        answers.keep()
        answers.close()
    print(f"messages {seen}, kept {kept}, calls per study {calls / max(kept, 1):.1f}")
    print(f"deciding word first {wilson(first, kept)}, significant {wilson(significant, kept)}")
    print(f"planted: deciding word first {wilson(of_planted, kept)}")


if __name__ == "__main__":
    main()
