"""Images are cut into cells, and what goes out is the image with cells covered."""

import base64
import io
import struct
import sys
import zlib
from collections.abc import Sequence

import pytest
from PIL import Image

from benchmarks.images import explained, strongest_cell
from smile_trace._guards import images
from smile_trace.attribution.design.perturber import Perturber
from smile_trace.attribution.segmentation.partitioner import Segmentation
from smile_trace.attribution.segmentation.units import UnitMissing
from smile_trace.comparison.request_edits import RequestEdits
from smile_trace.explaining.options import ExplainOptions
from smile_trace.explaining.studies import as_explained
from smile_trace.records import Media, Message, Prompted, TextPart
from smile_trace.records.formats.cells import CELLS, as_sent, why_whole
from smile_trace.render import cells, driver_text
from smile_trace.render.html import to_html
from tests.support.planted_images import colour_in, planted, prompted


def _uri(image: Image.Image, kind: str = "PNG", **options: object) -> str:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(out.getvalue()).decode()}"


def _image(uri: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))


def _sent(messages: Sequence[Message]) -> str:
    """The address of the only image in a request."""
    [uri] = [part.uri for m in messages for part in m.parts if isinstance(part, Media)]
    return str(uri)


def _asked(*uris: str) -> Prompted:
    parts = [*(Media(modality="image", uri=uri) for uri in uris), TextPart(content="What is it?")]
    return Prompted(messages=(Message(role="user", parts=tuple(parts)),), answer="A form.")


def _chequered(width: int = 160, height: int = 80) -> Image.Image:
    image = Image.new("RGB", (width, height), (200, 100, 0))
    image.paste((0, 100, 200), (width // 2, 0, width, height))
    return image


@pytest.mark.parametrize(
    ("seed", "form"),
    [
        (6, "chat"),
        pytest.param(2, "anthropic", marks=pytest.mark.slow),
        pytest.param(11, "responses", marks=pytest.mark.slow),
    ],
)
def test_the_cell_with_the_stamp_is_found(seed: int, form: str) -> None:
    image = planted(seed, across=seed == 11)
    found, asked, refused = explained(image, form, 60)
    assert strongest_cell(found) == (image.row, image.column)
    assert (found.fidelity.status, refused, asked <= 60) == ("reliable", [], True)
    name = f"row {image.row}, column {image.column} of the image ({image.kind}, "
    assert f"The answer depends on {name}" in found.summary
    assert "other cells made no measurable difference" in found.summary


def test_what_goes_out_is_the_mask_that_is_recorded() -> None:
    image = _chequered()
    whole = as_explained(_asked(_uri(image)), ExplainOptions())
    segments = Segmentation(whole, "cell").segments
    assert sum(not segment.protected for segment in segments) == 16
    mask = [s.protected or k % 3 > 0 for k, s in enumerate(segments)]
    sent = _image(_sent(as_sent(Perturber(whole, segments).messages(mask))))
    assert (sent.format, sent.size, sent.mode) == ("PNG", (160, 80), "RGB")
    free = [keep for keep, s in zip(mask, segments, strict=True) if not s.protected]
    for number, keep in enumerate(free):
        row, column = divmod(number, 4)
        for x in (column * 40, column * 40 + 39):
            told = sent.getpixel((x, row * 20)), sent.getpixel((x, row * 20 + 19))
            there = image.getpixel((x, 0)) if keep else (100, 100, 100)
            assert told == (there, there)


def test_the_whole_request_is_the_one_that_was_logged() -> None:
    logged = _asked(_uri(_chequered()))
    whole = as_explained(logged, ExplainOptions())
    assert as_sent(whole.messages) == logged.messages != whole.messages


def test_cells_of_a_tall_image_are_halved_across() -> None:
    halves = images.boxes(40, 80)
    assert halves[:3] == [(0, 0, 10, 10), (0, 10, 10, 20), (10, 0, 20, 10)]
    assert len(set(halves)) == 32


WRITABLE = {
    "PNG": ("L", "LA", "P", "1", "RGBA"),
    "JPEG": ("L", "1", "RGB", "CMYK"),
    "WEBP": ("L", "LA", "P", "1", "RGBA", "CMYK"),
}


@pytest.mark.parametrize(("kind", "mode"), [(k, m) for k, modes in WRITABLE.items() for m in modes])
def test_modes_and_formats(kind: str, mode: str) -> None:
    uri = _uri(_chequered().convert(mode), kind)
    sent = _image(images.covered(uri, (0, 1)))
    assert (sent.format, sent.size) == (kind, (160, 80))
    red, *_, blue = sent.convert("RGB").getpixel((5, 5))
    assert abs(red - blue) < 30  # neither of the two colours


def _png(width: int, height: int) -> str:
    def chunk(name: bytes, data: bytes) -> bytes:
        whole = name + data
        return struct.pack(">I", len(data)) + whole + struct.pack(">I", zlib.crc32(whole))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    data = base64.b64encode(b"\x89PNG\r\n\x1a\n" + body).decode()
    return f"data:image/png;base64,{data}"


FRAMES = [Image.new("L", (32, 32), shade) for shade in (0, 255)]


@pytest.mark.parametrize(
    ("uri", "why"),
    [
        (_png(60_000, 60_000), "it has more than 40 million pixels"),
        (_png(9000, 9000), "it has more than 40 million pixels"),
        (_png(300, 300), "its data cannot be decoded as an image"),
        ("data:image/png;base64,iVBORw0KGgo=", "its data cannot be decoded as an image"),
        ("data:image/svg+xml;base64,PHN2Zz4=", "its data cannot be decoded as an image"),
        (_uri(Image.new("L", (300, 8))), "it has fewer than 16 pixels on a side"),
        (_uri(FRAMES[0], "GIF", save_all=True, append_images=FRAMES[1:]), "it is animated"),
        ("https://example.org/a.png", None),
    ],
    ids=["bomb", "large", "cut off", "head alone", "SVG", "narrow", "animated", "address"],
)
def test_what_has_no_cells_stays_one_unit(uri: str, why: str | None) -> None:
    logged = _asked(uri)
    assert as_explained(logged, ExplainOptions()) == logged
    free = [s.unit for s in Segmentation(logged, "auto").coarse(60, 60) if not s.protected]
    assert "media" in free
    said = [text.partition(" was removed as a whole: ")[2] for text in why_whole(logged.messages)]
    assert said == ([] if why is None else [f"{why}."])
    with pytest.raises(UnitMissing, match="No image could be cut into cells"):
        Segmentation(logged, "cell")


def test_without_pillow_one_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = _asked(_uri(_chequered()))
    images.size_of.cache_clear()
    monkeypatch.setitem(sys.modules, "PIL", None)
    [said] = why_whole(asked.messages)
    assert said.endswith("cells need Pillow: pip install 'smile-trace[images]'.")


def test_the_page_shows_the_image_with_its_cells() -> None:
    image = planted(6)
    found, _, _ = explained(image, "chat", 60)
    page, name = to_html(found), f"row {image.row}, column {image.column}"
    assert "default-src 'none'; style-src 'unsafe-inline'; img-src data:\"" in page
    assert page.count("<img ") == 1
    assert f'title="{name}: +' in page
    assert driver_text(found).endswith(name)
    assert page.count('class="on-excluded"') >= 15


def test_a_large_image_is_made_smaller_for_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
    uri = planted(6).uri
    assert cells._shown(uri) == uri
    monkeypatch.setattr(cells, "LARGEST", 1000)
    shown = cells._shown(uri)
    assert max(_image(str(shown)).size) <= 640
    assert cells._shown("https://example.org/a.png") is None
    assert cells._shown("data:image/svg+xml;base64,PHN2Zz4=") is None


def test_a_cell_is_removed_by_its_name() -> None:
    image = planted(6)
    edits = RequestEdits(prompted(image.uri, image.colour))
    part = edits.part(f"row {image.row}, column {image.column}")
    sent = _sent(edits.edited([part]).messages)
    before, after = (base64.b64decode(uri.partition(",")[2]) for uri in (image.uri, sent))
    assert (colour_in(before), colour_in(after)) == (image.colour, None)


def test_two_images_are_told_apart() -> None:
    first, second = planted(6), planted(2)
    whole = as_explained(_asked(first.uri, second.uri, first.uri), ExplainOptions())
    assert [m.content.partition(" (")[0] for m in whole.messages[1:]] == [
        "first image",
        "second image",
    ]


def test_a_foreign_message_of_cells_covers_nothing() -> None:
    asked = _asked(_uri(_chequered())).messages
    assert as_sent([*asked, Message(role=CELLS, content="1,1 left")]) == asked
