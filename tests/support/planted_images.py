"""Images of forms with a coloured stamp in one cell, and servers that tell its colour."""

import base64
import io
import os
import random
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, NamedTuple

from PIL import Image, ImageDraw

from smile_trace.models import Model
from smile_trace.models.kinds.anthropic import AnthropicSettings
from smile_trace.models.kinds.endpoint import EndpointSettings
from smile_trace.records import Media, Message, Prompted, TextPart
from tests.support import strict_anthropic, strict_openai

COLOURS = {"red": (205, 40, 45), "green": (30, 150, 60), "blue": (40, 70, 200)}
QUESTION = "Which colour has the stamp on this form? Answer in one sentence."
KEY = "SMILE_TRACE_PLANTED_KEY"
SIZES = ((640, 480), (480, 720), (1200, 900), (333, 517), (900, 300))


class Planted(NamedTuple):
    """An image, and what stands in its cell (row and column from 1)."""

    uri: str
    row: int
    column: int
    colour: str
    kind: str


def planted(seed: int, *, across: bool = False) -> Planted:
    """A form of printed lines with a stamp in a random cell; `across`: over both of its halves."""
    chosen = random.Random(seed)
    (width, height), kind = chosen.choice(SIZES), chosen.choice(("png", "jpeg", "webp"))
    row, column = chosen.randrange(4), chosen.randrange(4)
    name = chosen.choice(list(COLOURS))
    image = Image.new("RGB", (width, height), (250, 249, 246))
    draw = ImageDraw.Draw(image)
    for y in range(12, height - 12, 14):
        x = 10
        while x < width - 30 and chosen.random() < 0.93:
            end = x + chosen.randrange(8, 60)
            draw.rectangle(
                (x, y, min(end, width - 10), y + 6), fill=(chosen.randrange(30, 110),) * 3
            )
            x = end + 7
    wide, tall = width / 4, height / 4
    left, top = column * wide, row * tall
    along = 0.5 if across else chosen.choice((0.25, 0.75))
    inside = (along, 0.5) if width >= height else (0.5, along)
    box = (left + wide * (inside[0] - 0.15), top + tall * (inside[1] - 0.15))
    draw.rectangle((*box, box[0] + 0.3 * wide, box[1] + 0.3 * tall), fill=COLOURS[name])
    out = io.BytesIO()
    image.save(out, kind.upper())
    data = base64.b64encode(out.getvalue()).decode()
    return Planted(f"data:image/{kind};base64,{data}", row + 1, column + 1, name, kind)


def prompted(uri: str, colour: str | None, form: str = "chat") -> Prompted:
    """The question about an image, with the answer of `told`."""
    parts = (Media(modality="image", uri=uri, detail="auto"), TextPart(content=QUESTION))
    return Prompted(
        messages=(Message(role="user", parts=parts),),
        answer=told(colour),
        form="responses" if form == "responses" else "chat",
        parameters={"temperature": 0, "max_tokens": 60},
    )


def told(colour: str | None) -> str:
    """The answer of a model that sees a stamp of this colour."""
    return f"The stamp is {colour}." if colour else "There is no stamp on the form."


def colour_in(data: bytes) -> str | None:
    """The colour of a stamp in an image, by its pixels."""
    image = Image.open(io.BytesIO(data)).convert("RGB")
    image.thumbnail((300, 300))
    counts = dict.fromkeys(COLOURS, 0)
    found = image.tobytes()
    for pixel in zip(found[::3], found[1::3], found[2::3], strict=True):
        for name, colour in COLOURS.items():
            counts[name] += sum(abs(a - b) for a, b in zip(pixel, colour, strict=True)) < 70
    most = max(counts, key=counts.__getitem__)
    return most if counts[most] > 20 else None


def _data(value: Any) -> Iterator[bytes]:
    """The images in a request."""
    if isinstance(value, str) and value.startswith("data:image/"):
        yield base64.b64decode(value.partition(",")[2])
    elif isinstance(value, dict) and value.get("type") == "base64":
        yield base64.b64decode(value["data"])
    elif isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _data(one)


def _answer(body: dict[str, Any]) -> str:
    return told(next(map(colour_in, _data(body)), None))


@contextmanager
def seeing(form: str) -> Iterator[tuple[Any, Model]]:
    """A running server that sees, and the model that asks it: `chat`, `responses`, `anthropic`."""
    strict: AbstractContextManager[Any]
    claude = form == "anthropic"
    strict = (strict_anthropic if claude else strict_openai).strict(_answer)
    with strict as server:
        if claude:
            os.environ.setdefault(KEY, "sk-planted")
            settings = AnthropicSettings(base_url=server.base_url, api_key_env=KEY)
            yield server, settings.open("planted")
        else:
            yield (
                server,
                EndpointSettings(kind="endpoint", base_url=server.base_url).open("planted"),
            )
