"""LlamaIndex: a query engine with a retriever, a chat, a stream, a tool."""

import os

from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.query_engine import RetrieverQueryEngine
from llama_index.core.retrievers import BaseRetriever
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode
from llama_index.core.tools import FunctionTool
from llama_index.llms.openai import OpenAI
from texts import CONTEXT, MODEL, QUESTION, RESULT, RETURNS, SYSTEM, WARRANTY
from tracing import tracing


class Manual(BaseRetriever):
    """Always finds both."""

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return [NodeWithScore(node=TextNode(text=t), score=0.5) for t in (WARRANTY, RETURNS)]


def look_up_warranty(product: str) -> str:
    """Looks up a warranty."""
    return RESULT


with tracing():
    model = OpenAI(model=MODEL, api_base=os.environ["MODEL_URL"], api_key="no key", temperature=0)
    RetrieverQueryEngine.from_args(Manual(), llm=model).query(QUESTION)
    said = [ChatMessage(role="system", content=SYSTEM), ChatMessage(role="user", content=CONTEXT)]
    model.chat(said)
    for _ in model.stream_chat(said):
        pass
    tool = FunctionTool.from_defaults(look_up_warranty)
    ask = [ChatMessage(role="system", content=SYSTEM), ChatMessage(role="user", content=QUESTION)]
    asked = model.chat_with_tools([tool], chat_history=ask)
    [call] = model.get_tool_calls_from_response(asked)
    result = ChatMessage(
        role="tool", content=RESULT, additional_kwargs={"tool_call_id": call.tool_id}
    )
    model.chat_with_tools([tool], chat_history=[*ask, asked.message, result])
