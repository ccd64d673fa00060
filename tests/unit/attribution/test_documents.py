"""Documents are one unit each, called by their titles, in whatever form a request holds them."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from smile_trace.attribution.design.perturber import Perturber
from smile_trace.attribution.reporting.summary import named_parts
from smile_trace.attribution.segmentation.partitioner import Segmentation
from smile_trace.dialects.provider_json import messages_of
from smile_trace.models import Request, openai_wire
from smile_trace.models.kinds import anthropic
from smile_trace.providers import read_request
from smile_trace.records import Message, Prompted
from tests.support import strict_anthropic, strict_openai, strict_responses

TITLES = ("Returns", "Warranty", "Shipping")
TEXTS = (
    "Returns are accepted within 30 days of the purchase. Bring the receipt.",
    "The warranty lasts 24 months from that day. Seals are not covered.",
    "Orders above 50 euros are sent free of charge. It takes two days.",
)
DOCUMENTS = list(zip(TITLES, TEXTS, strict=True))
QUESTION = "How long is the warranty?"
Body = dict[str, Any]


def _text(text: str) -> Body:
    return {"type": "text", "text": text}


def _plain(text: str) -> Body:
    return {"type": "text", "media_type": "text/plain", "data": text}


def _document(title: str, source: Body) -> Body:
    about = {"title": title, "context": "of 2026", "citations": {"enabled": True}}
    return {"type": "document", "source": source, **about}


def _sentences(text: str) -> list[Body]:
    return [_text(f"{sentence.rstrip('.')}.") for sentence in text.split(". ")]


def _search_result(title: str, text: str) -> Body:
    found = {"type": "search_result", "source": f"{title}.md", "title": title}
    return {**found, "content": _sentences(text)}


def _claude(content: list[Body], *, tool: bool = False) -> Body:
    asked = {"role": "user", "content": QUESTION if tool else [*content, _text(QUESTION)]}
    body: Body = {"model": "m", "max_tokens": 9, "messages": [asked]}
    if tool:
        use = {"type": "tool_use", "id": "toolu_1", "name": "find", "input": {}}
        result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": content}
        body["messages"] += [{"role": "assistant", "content": [use]}]
        body["messages"] += [{"role": "user", "content": [result]}]
        body["tools"] = [{"name": "find", "input_schema": {"type": "object"}}]
    return body


def _blocks(source: Callable[[str], Body]) -> list[Body]:
    return [_document(title, source(text)) for title, text in DOCUMENTS]


ANTHROPIC = {
    "text": _claude(_blocks(_plain)),
    "blocks": _claude(_blocks(lambda t: {"type": "content", "content": _sentences(t)})),
    "a text as content": _claude(_blocks(lambda t: {"type": "content", "content": t})),
    "search results": _claude([_search_result(*one) for one in DOCUMENTS]),
    "found by a tool": _claude([_search_result(*one) for one in DOCUMENTS], tool=True),
    "given by a tool": _claude(_blocks(_plain), tool=True),
}


def _found(fields: str, **more: Any) -> str:
    title, text = fields.split("/")
    objects = [{title: t, text: content, "score": 0.5} for t, content in DOCUMENTS]
    return json.dumps({**more, "results": objects} if more else objects)


JSON = {
    **{f: _found(f) for f in ("title/text", "name/content", "source/page_content", "url/text")},
    "beside a query": _found("title/text", query="warranty", total=3),
    "metadata": json.dumps(
        [{"page_content": text, "metadata": {"source": title}} for title, text in DOCUMENTS]
    ),
    "Elasticsearch": json.dumps(
        {
            "took": 3,
            "hits": {
                "total": 3,
                "hits": [{"_score": 1, "_source": {"title": t, "text": c}} for t, c in DOCUMENTS],
            },
        }
    ),
}


def _each(form: str, between: str = "\n\n", around: str = "{}") -> str:
    filled = [form.format(n=n, t=t, c=c) for n, (t, c) in enumerate(DOCUMENTS, 1)]
    return f"{around.format(between.join(filled))}\n\n{QUESTION}"


TEXT = {
    "Anthropic's XML": _each(
        '<document index="{n}">\n<source>{t}</source>\n<document_contents>\n{c}\n'
        "</document_contents>\n</document>",
        "\n",
        "<documents>\n{}\n</documents>",
    ),
    "an id": _each('<doc id="{t}">{c}</doc>', "\n"),
    "an id before the title": _each("<document>\n<id>{n}</id>\n<title>{t}</title>\n{c}</document>"),
    "a path": _each('<file path="{t}">\n{c}\n</file>', "\n"),
    "items": _each(
        '<item index="{n}">\n<source>{t}</source>\n{c}\n</item>', "\n", "<results>\n{}\n</results>"
    ),
    "headings": _each("## Document: {t}\n\n{c}"),
    "labels": _each("**Source:** {t}\n{c}", around="Context:\n\n{}"),
    "brackets": _each("[Source: {t}]\n{c}"),
    "title and text": _each("Title: {t}\nContent: {c}", around="Documents:\n{}"),
    "rules": _each("{t}\n{c}", "\n\n---\n\n", "Answer from these.\n\n{}"),
    "labels between rules": _each("Source: {t}\n{c}", "\n---\n", "{}\n---"),
    "files": _each("### File: {t}\n```\n{c}\n```"),
}
NUMBERED = _each("[{n}] **{t}**\n{c}")


def _chat(text: str, *, tool: bool = False) -> Body:
    messages: list[Body] = [{"role": "user", "content": QUESTION if tool else text}]
    if tool:
        call = {"id": "c", "type": "function", "function": {"name": "find", "arguments": "{}"}}
        messages.append({"role": "assistant", "content": None, "tool_calls": [call]})
        messages.append({"role": "tool", "tool_call_id": "c", "content": text})
    return {"model": "m", "messages": messages}


SEARCHED: Body = {
    "model": "m",
    "input": [
        {"role": "user", "content": QUESTION},
        {
            "type": "file_search_call",
            "id": "fs_1",
            "status": "completed",
            "queries": ["warranty"],
            "results": [{"filename": t, "text": c, "score": 0.5} for t, c in DOCUMENTS],
        },
        {"role": "user", "content": "In months?"},
    ],
}


def _prompted(body: Body) -> Prompted:
    sent = read_request(body)
    form = "responses" if "input" in body else "chat"
    return Prompted(messages=messages_of(sent.messages), parameters=sent.parameters, form=form)


def _check(body: Body, messages: tuple[Message, ...], prompted: Prompted) -> Body:
    """Ask for it as its service takes it."""
    request = Request(messages=messages, parameters=prompted.parameters, form=prompted.form)
    if "max_tokens" in body:
        sent = {"model": "m", **anthropic.body(request, max_tokens=9)}
        strict_anthropic.check(sent)
        return sent
    sent = {"model": "m", **openai_wire.question(messages, form=prompted.form, made=prompted.form)}
    (strict_openai.check if prompted.form == "chat" else strict_responses.check_responses)(sent)
    return sent


CASES = {
    **ANTHROPIC,
    **{f"JSON, {name}": _chat(text, tool=True) for name, text in JSON.items()},
    **{f"text, {name}": _chat(text) for name, text in TEXT.items()},
    "files searched": SEARCHED,
}


@pytest.mark.parametrize("body", CASES.values(), ids=CASES)
def test_each_is_a_unit_called_by_its_title(body: Body) -> None:
    prompted = _prompted(body)
    by_unit, first = (Segmentation(prompted, unit) for unit in ("document", "auto"))
    for segments in (by_unit.segments, first.coarse(60, 60)):
        free = [segment for segment in segments if not segment.protected]
        names = named_parts(free, (), (), prompted.messages)
        titled = [(n, s) for n, s in zip(names, free, strict=True) if n.strip("“”") in TITLES]
        assert [name for name, _ in titled] == [f"“{title}”" for title in TITLES]
        documents = [segment for _, segment in titled]
        for document, text in zip(documents, TEXTS, strict=True):
            assert all(
                sentence in document.text.replace("\n", " ") for sentence in text.split(". ")
            )
        if segments is by_unit.segments:
            assert len(free) == 3


@pytest.mark.parametrize("body", CASES.values(), ids=CASES)
def test_without_one_the_request_is_valid_and_holds_the_others(body: Body) -> None:
    prompted = _prompted(body)
    segments = Segmentation(prompted, "document").segments
    perturber = Perturber(prompted, segments)
    whole = _check(body, perturber.messages([True] * len(segments)), prompted)
    assert whole == body
    free = [k for k, segment in enumerate(segments) if not segment.protected]
    for removed, title in zip(free, TITLES, strict=True):
        messages = perturber.messages([k != removed for k in range(len(segments))])
        sent = json.dumps(_check(body, messages, prompted)).split("free of charge")[0]
        assert [t for t in TITLES if t in sent and t != "Shipping"] == [
            t for t in TITLES[:2] if t != title
        ]


def test_a_number_stays_in_the_title() -> None:
    prompted = _prompted(_chat(NUMBERED))
    documents = [s for s in Segmentation(prompted, "document").segments if not s.protected]
    names = named_parts(documents, (), (), prompted.messages)
    assert names == [f"“[{n}] {title}”" for n, title in enumerate(TITLES, 1)]


@pytest.mark.parametrize(
    "text",
    [
        "# Role\n\nYou help.\n\n---\n\n# Rules\n\nBe brief.\n\n---\n\n# Output\n\nJSON.",
        "Context: The shop opens at nine.\nWhen?\n\nContext: It closes at six.\nWhen?",
        "It opens at nine.\nSource: a.md\n\nIt closes at six.\nSource: b.md",
    ],
    ids=["instructions", "examples", "sources below"],
)
def test_what_is_no_list_of_documents(text: str) -> None:
    with pytest.raises(Exception, match="no documents"):
        Segmentation(_prompted(_chat(text)), "document")
