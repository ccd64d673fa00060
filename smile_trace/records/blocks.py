"""Blocks of content in the shapes of providers: their texts, and the documents among them."""

from collections.abc import Mapping

from smile_trace.records.base import JSON

_TEXTS = ("text", "input_text", "output_text")
_DOCUMENTS = ("document", "search_result")
"""Types of Anthropic's blocks that are a document."""
_BLOCKS = (*_TEXTS, *_DOCUMENTS, "image", "image_url", "input_image", "input_file")

Block = Mapping[str, JSON]


def are_blocks(response: JSON) -> bool:
    """Whether a tool's result is a list of texts, documents and images, not JSON of its own."""
    if not isinstance(response, list | tuple) or not response:
        return False
    return all(isinstance(b, dict) and b.get("type") in _BLOCKS and _is_whole(b) for b in response)


def _is_whole(block: Block) -> bool:
    return block["type"] not in _TEXTS or isinstance(block.get("text"), str)


def is_document(block: Block) -> bool:
    """Whether it is a document or a search result."""
    return block.get("type") in _DOCUMENTS


def title_of(block: Block) -> str | None:
    """Return what a document, search result or file is called."""
    names = ("title", "filename", *(["source"] if is_document(block) else []))
    return next((found for name in names if isinstance(found := block.get(name), str)), None)


def block_text(block: Block) -> str | None:
    """Return the text of a block, of several in a document one per line; None if it holds more than
    text, or none."""
    if block.get("type") in _TEXTS:
        held = block.get("text")
    elif block.get("type") == "search_result":
        held = block.get("content")
    else:
        source = block.get("source") if is_document(block) else None
        held = source.get(_place_in(source)) if isinstance(source, dict) else None
    if not isinstance(held, list | tuple):
        return held if isinstance(held, str) else None
    texts = [one.get("text") if isinstance(one, dict) else None for one in held]
    return "\n".join(map(str, texts)) if texts and None not in texts else None


def with_block_text(block: Block, text: str) -> dict[str, JSON]:
    """Return the block with another text; as it is if that is its own."""
    if block_text(block) == text:
        return dict(block)
    if block.get("type") == "search_result":
        return {**block, "content": [{"type": "text", "text": text}]}
    if is_document(block):
        source = block["source"]
        return {**block, "source": {**source, _place_in(source): text}}
    return {**block, "text": text}


def _place_in(source: Block) -> str:
    """The name under which a source of text holds it."""
    return {"text": "data", "content": "content"}.get(str(source.get("type")), "")
