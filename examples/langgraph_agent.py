"""An agent of LangGraph: one line captures the graph, and the path of its answer can be explained.

    pip install langgraph langchain-openai openinference-instrumentation-langchain
    OPENAI_API_KEY=... python examples/langgraph_agent.py
    smile-trace worker --once

With `[explain] path = true` in smile_trace.toml the worker explains where the answer came from:
the tool's result, the call of the tool, the words of the question. By hand it is `smile-trace
explain TRACE_ID --path`, with the id from your tracker. The model has to call tools, so the
packaged one will not do; OPENAI_BASE_URL and OPENAI_MODEL name another.
"""

import os
from typing import Any

from langchain_core.messages import SystemMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition

import smile_trace

SYSTEM = "You are the assistant of a shop. Answer in one sentence."
QUESTION = "Hello, I am waiting for order 4711. When does it arrive?"

smile_trace.instrument("langchain")


@tool
def get_order(number: int) -> dict[str, Any]:
    """Looks an order up."""
    return {
        "number": number,
        "customer": "A. Sommer",
        "shipping": {"carrier": "Parcel Post", "arrives": "Friday", "left": "Hamburg"},
    }


@tool
def cancel_order(number: int) -> str:
    """Cancels an order."""
    return f"{number} is cancelled."


TOOLS = [get_order, cancel_order]
model = ChatOpenAI(model=os.environ.get("OPENAI_MODEL", "gpt-4o-mini"), temperature=0)
bound = model.bind_tools(TOOLS)


def ask(state: MessagesState) -> dict[str, Any]:
    """The model's turn: an answer, or the call of a tool."""
    return {"messages": [bound.invoke([SystemMessage(SYSTEM), *state["messages"]])]}


graph = StateGraph(MessagesState)
graph.add_node(ask)
graph.add_node(ToolNode(TOOLS))
graph.add_edge(START, "ask")
graph.add_conditional_edges("ask", tools_condition)
graph.add_edge("tools", "ask")
agent = graph.compile()

if __name__ == "__main__":
    print(agent.invoke({"messages": [("user", QUESTION)]})["messages"][-1].content)
