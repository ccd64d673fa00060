"""LangChain: a chain with a retriever, a stream, tools, and an agent."""

import os
from typing import Any

from langchain_core.documents import Document
from langchain_core.messages import HumanMessage, SystemMessage, ToolMessage
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnablePassthrough
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from texts import MODEL, QUESTION, RESULT, RETURNS, SYSTEM, TEMPLATE, WARRANTY
from tracing import tracing


class Manual(BaseRetriever):
    """Always finds both."""

    def _get_relevant_documents(self, query: str, **_: Any) -> list[Document]:
        return [Document(page_content=text) for text in (WARRANTY, RETURNS)]


@tool
def look_up_warranty(product: str) -> str:
    """Looks up a warranty."""
    return RESULT


with tracing():
    model = ChatOpenAI(
        model=MODEL, base_url=os.environ["MODEL_URL"], api_key="no key", temperature=0, seed=7
    )
    template = ChatPromptTemplate.from_messages([("system", SYSTEM), ("user", TEMPLATE)])
    found = Manual() | (lambda documents: "\n".join(d.page_content for d in documents))
    chain = {"context": found, "question": RunnablePassthrough()} | template | model
    chain.invoke(QUESTION)
    for _ in model.stream([SystemMessage(SYSTEM), HumanMessage(f"{WARRANTY}\n\n{QUESTION}")]):
        pass
    ask = [SystemMessage(SYSTEM), HumanMessage(QUESTION)]
    asked = model.bind_tools([look_up_warranty]).invoke(ask)
    after = [*ask, asked, ToolMessage(RESULT, tool_call_id=asked.tool_calls[0]["id"])]
    model.bind_tools([look_up_warranty]).invoke(after)
    parts = [{"type": "text", "text": text} for text in (WARRANTY, QUESTION)]
    model.invoke([SystemMessage(SYSTEM), HumanMessage(parts)])
    try:
        from langchain.agents import create_agent
    except ImportError:  # before 1.0
        from langgraph.prebuilt import create_react_agent as create_agent
    create_agent(model, [look_up_warranty]).invoke({"messages": [("user", QUESTION)]})
