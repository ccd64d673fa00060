"""Haystack: a pipeline with a retriever, and a generator with a tool."""

import os

from haystack import Document, Pipeline
from haystack.components.builders import ChatPromptBuilder
from haystack.components.generators.chat import OpenAIChatGenerator
from haystack.components.retrievers.in_memory import InMemoryBM25Retriever
from haystack.dataclasses import ChatMessage
from haystack.document_stores.in_memory import InMemoryDocumentStore
from haystack.tools import Tool
from haystack.utils import Secret
from texts import MODEL, PARAMETERS, QUESTION, RESULT, RETURNS, SYSTEM, WARRANTY
from tracing import tracing

TEMPLATE = (
    "Context:\n{% for d in documents %}{{ d.content }}\n{% endfor %}\nQuestion: {{ question }}"
)


def generator(**given: object) -> OpenAIChatGenerator:
    """One that asks the planted server."""
    return OpenAIChatGenerator(
        model=MODEL,
        api_base_url=os.environ["MODEL_URL"],
        api_key=Secret.from_token("no key"),
        generation_kwargs={"temperature": 0},
        **given,
    )


with tracing():
    store = InMemoryDocumentStore()
    store.write_documents([Document(content=WARRANTY), Document(content=RETURNS)])
    pipeline = Pipeline()
    pipeline.add_component("retriever", InMemoryBM25Retriever(store))
    said = [ChatMessage.from_system(SYSTEM), ChatMessage.from_user(TEMPLATE)]
    pipeline.add_component("prompt", ChatPromptBuilder(said, required_variables="*"))
    pipeline.add_component("model", generator())
    pipeline.connect("retriever", "prompt.documents")
    pipeline.connect("prompt.prompt", "model.messages")
    pipeline.run({"retriever": {"query": QUESTION}, "prompt": {"question": QUESTION}})

    tool = Tool("look_up_warranty", "Looks up a warranty.", PARAMETERS, lambda product: RESULT)
    asking = Pipeline()
    asking.add_component("model", generator(tools=[tool]))
    ask = [ChatMessage.from_system(SYSTEM), ChatMessage.from_user(QUESTION)]
    [asked] = asking.run({"model": {"messages": ask}})["model"]["replies"]
    result = ChatMessage.from_tool(RESULT, origin=asked.tool_calls[0])
    asking.run({"model": {"messages": [*ask, asked, result]}})
