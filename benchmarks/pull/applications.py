"""Applications that MLflow traces by itself, each asked many times: what stands in an MLflow.

    python -m benchmarks.pull.applications openai --count 100 --first 0 --model http://…/v1

`openai`: `mlflow.openai.autolog()`, a chat, a stream and a call of a tool. `langchain`:
`mlflow.langchain.autolog()`, a chain with a prompt template, one with a retriever, and an agent
that calls a tool. `functions`: `@mlflow.trace` around a retriever, a prompt of MLflow's registry
and a call. MLFLOW_TRACKING_URI and MLFLOW_EXPERIMENT_NAME say where the traces go.
"""

import argparse
import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import httpx
import mlflow
import openai

WORD = "Eiffel"
"""The model answers differently where it is not in the messages."""
SYSTEM = "Answer in a few words."
TEMPLATE = "Context:\n{{context}}\n\nQuestion: {{question}}"
PROMPT = "where"
"""A prompt of the registry, with `TEMPLATE`."""
TOOL = {
    "type": "function",
    "function": {
        "name": "look_around",
        "description": "Says what can be seen.",
        "parameters": {"type": "object", "properties": {"direction": {"type": "string"}}},
    },
}

Ask = Callable[[int], object]


def planted(body: Mapping[str, Any]) -> str | list[dict[str, Any]]:
    """What the model answers: where it offers a tool it calls it first."""
    told = json.dumps(body["messages"])
    if body.get("tools") and not any(m["role"] == "tool" for m in body["messages"]):
        return [{"name": "look_around", "arguments": {"direction": "up" if WORD in told else "-"}}]
    return "In Paris." if WORD in told else "I cannot know that."


def question(number: int) -> str:
    """One that no other trace asks."""
    return f"The {WORD} Tower is here, number {number:06}. Where are we?"


def documents(number: int) -> list[str]:
    """What a retriever finds: the first one matters."""
    return [f"Ticket {number:06}: the {WORD} Tower opens at nine.", "Umbrellas are at the counter."]


def openai_client(url: str) -> Sequence[Ask]:
    """The openai client under automatic logging."""
    mlflow.openai.autolog()
    create: Any = openai.OpenAI(base_url=url, api_key="none").chat.completions.create

    def messages(number: int) -> list[dict[str, str]]:
        asked = {"role": "user", "content": question(number)}
        return [{"role": "system", "content": SYSTEM}, asked]

    def chat(number: int) -> None:
        create(model="planted", temperature=0, messages=messages(number))

    def stream(number: int) -> None:
        for _ in create(model="planted", temperature=0, stream=True, messages=messages(number)):
            pass

    def tool(number: int) -> None:
        create(model="planted", temperature=0, tools=[TOOL], messages=messages(number))

    return chat, stream, tool


def langchain(url: str) -> Sequence[Ask]:
    """LangChain under automatic logging."""
    from langchain_core.documents import Document
    from langchain_core.prompts import ChatPromptTemplate
    from langchain_core.retrievers import BaseRetriever
    from langchain_core.runnables import RunnableLambda, RunnablePassthrough
    from langchain_core.tools import tool
    from langchain_openai import ChatOpenAI
    from langgraph.prebuilt import create_react_agent

    class Tickets(BaseRetriever):
        def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
            found = documents(int(query.partition("number ")[2][:6]))
            return [
                Document(page_content=text, metadata={"source": f"ticket-{place}.txt"})
                for place, text in enumerate(found)
            ]

    @tool
    def look_around(direction: str) -> str:
        """Says what can be seen."""
        return f"{direction}: a tower."

    mlflow.langchain.autolog()
    model = ChatOpenAI(model="planted", temperature=0, base_url=url, api_key="none")
    asking = ChatPromptTemplate.from_messages([("system", SYSTEM), ("user", "{question}")])
    chain = asking | model
    joined = RunnableLambda(lambda found: "\n".join(one.page_content for one in found))
    retrieved = {"context": Tickets() | joined, "question": RunnablePassthrough()}
    reading = ChatPromptTemplate.from_messages(
        [("system", SYSTEM), ("user", TEMPLATE.replace("{{", "{").replace("}}", "}"))]
    )
    rag: Any = retrieved | reading | model
    agent = create_react_agent(model, [look_around])

    def ask_chain(number: int) -> None:
        chain.invoke({"question": question(number)})

    def ask_rag(number: int) -> None:
        rag.invoke(question(number))

    def ask_agent(number: int) -> None:
        agent.invoke({"messages": [{"role": "user", "content": question(number)}]})

    return ask_chain, ask_rag, ask_agent


def functions(url: str) -> Sequence[Ask]:
    """Functions of an application that asks over HTTP, with a prompt of MLflow's registry."""
    client = httpx.Client(base_url=url + "/")
    if mlflow.genai.load_prompt(f"prompts:/{PROMPT}/1", allow_missing=True) is None:
        mlflow.genai.register_prompt(name=PROMPT, template=TEMPLATE)

    @mlflow.trace(span_type="RETRIEVER")
    def retrieve(number: int) -> list[dict[str, Any]]:
        return [
            {"page_content": text, "id": str(place), "metadata": {"doc_uri": f"t-{place}.txt"}}
            for place, text in enumerate(documents(number))
        ]

    @mlflow.trace(span_type="LLM")
    def complete(model: str, messages: list[dict[str, str]], temperature: float) -> str:
        body = {"model": model, "messages": messages, "temperature": temperature}
        reply = client.post("chat/completions", json=body).raise_for_status()
        return str(reply.json()["choices"][0]["message"]["content"])

    @mlflow.trace
    def answer(number: int) -> str:
        found = "\n".join(one["page_content"] for one in retrieve(number))
        prompt = mlflow.genai.load_prompt(f"prompts:/{PROMPT}/1")
        content = str(prompt.format(context=found, question=question(number)))
        told = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": content}]
        return complete("planted", told, 0)

    return (answer,)


APPLICATIONS: Mapping[str, Callable[[str], Sequence[Ask]]] = {
    "openai": openai_client,
    "langchain": langchain,
    "functions": functions,
}


def main() -> None:
    """Ask one application `--count` times, or until a time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("application", choices=APPLICATIONS)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--first", type=int, required=True)
    parser.add_argument("--until", type=float, default=math.inf, help="Unix time")
    parser.add_argument("--model", required=True)
    given = parser.parse_args()
    asks = APPLICATIONS[given.application](given.model)
    for number in range(given.first, given.first + given.count):
        if time.time() >= given.until:
            break
        asks[number % len(asks)](number)
    mlflow.flush_trace_async_logging()


if __name__ == "__main__":
    main()
