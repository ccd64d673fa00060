"""Inline images of others: decoded by Pillow within bounds, covered in part, made smaller."""

import base64
import io
import re
import warnings
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

SIDE = 4
"""Rows and columns of cells in an image."""
SMALLEST = 16
"""Pixels of a side below which an image has no cells."""
MOST_PIXELS = 40_000_000
"""The most that is decoded: a few kilobytes can claim more than a memory holds."""
MOST_CHARACTERS = 40_000_000
"""The same of base64."""
_INLINE = re.compile(r"data:image/(png|jpeg|jpg|webp|gif);base64,([A-Za-z0-9+/=\s]+)")
_FORMATS = ("PNG", "JPEG", "WEBP", "GIF")
_WRITTEN: dict[str, dict[str, object]] = {
    "JPEG": {"quality": "keep"},
    "WEBP": {"quality": 90, "method": 2},
    "PNG": {"compress_level": 1},
}
"""How each format is written."""
Box = tuple[int, int, int, int]


class ImageUnreadable(Exception):
    """An image cannot be cut into cells; the message ends a sentence that says so."""


def is_inline(uri: str | None) -> bool:
    """Whether it is the data of an image, of a kind that models and browsers take."""
    return uri is not None and len(uri) <= MOST_CHARACTERS and bool(_INLINE.fullmatch(uri))


@lru_cache(maxsize=8)
def size_of(uri: str) -> tuple[int, int]:
    """Return width and height of an image that can be decoded. Raises ImageUnreadable."""
    size = _decoded(uri).size
    if min(size) < SMALLEST:
        raise ImageUnreadable(f"it has fewer than {SMALLEST} pixels on a side")
    return size


def boxes(width: int, height: int) -> list[Box]:
    """Return the halves of the cells, row by row: left and right, or top and bottom of tall ones.
    Left, top, right, bottom in pixels."""
    across, down = (2, 1) if width >= height else (1, 2)
    xs = [width * k // (SIDE * across) for k in range(SIDE * across + 1)]
    ys = [height * k // (SIDE * down) for k in range(SIDE * down + 1)]
    return [
        (xs[x], ys[y], xs[x + 1], ys[y + 1])
        for row in range(SIDE)
        for column in range(SIDE)
        for y in range(row * down, (row + 1) * down)
        for x in range(column * across, (column + 1) * across)
    ]


def covered(uri: str, halves: tuple[int, ...]) -> str:
    """Return the image with some of its `boxes` in its mean colour. A JPEG stays one, with the same
    tables, and WebP stays WebP: as PNG a photograph outgrows what services take tenfold."""
    image = _decoded(uri)
    kind = image.format or ""
    kept = {name: image.info[name] for name in ("exif", "icc_profile") if name in image.info}
    if kind != "JPEG" and image.mode not in ("L", "RGB", "RGBA"):
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    colour = image.resize((1, 1), 4).getpixel((0, 0)) or 0  # 4: the mean of all pixels
    if image.mode == "RGBA" and isinstance(colour, tuple):
        colour = (*colour[:3], 255)
    every = boxes(*image.size)
    for half in halves:
        image.paste(colour, every[half])
    return _encoded(image, kind if kind in _WRITTEN else "PNG", **kept)


def smaller(uri: str, side: int) -> str:
    """Return the image with at most so many pixels on a side, without transparency. Raises
    ImageUnreadable."""
    from PIL import Image

    image = _decoded(uri).convert("RGBA")
    image.thumbnail((side, side))
    paper = Image.new("RGBA", image.size, "white")
    return _encoded(Image.alpha_composite(paper, image).convert("RGB"), "WEBP")


def _decoded(uri: str) -> "Image":
    try:
        from PIL import Image
        from PIL.Image import DecompressionBombError, DecompressionBombWarning
    except ImportError:
        raise ImageUnreadable("cells need Pillow: pip install 'smile-trace[images]'") from None
    if len(uri) > MOST_CHARACTERS:
        raise ImageUnreadable(f"it has more than {MOST_CHARACTERS // 4 * 3 // 1_000_000} MB")
    match = _INLINE.fullmatch(uri)
    try:
        data = base64.b64decode("" if match is None else match[2])
        with warnings.catch_warnings():
            warnings.simplefilter("error", DecompressionBombWarning)
            image = Image.open(io.BytesIO(data), formats=_FORMATS)
        if image.width * image.height > MOST_PIXELS:
            raise DecompressionBombError
        if getattr(image, "n_frames", 1) > 1:
            raise ImageUnreadable("it is animated")
        image.load()
    except ImageUnreadable:
        raise
    except (DecompressionBombError, DecompressionBombWarning):
        millions = MOST_PIXELS // 1_000_000
        raise ImageUnreadable(f"it has more than {millions} million pixels") from None
    except Exception:  # noqa: BLE001 - a decoder raises whatever it likes for data of others
        raise ImageUnreadable("its data cannot be decoded as an image") from None
    return image


def _encoded(image: "Image", kind: str, **more: object) -> str:
    out = io.BytesIO()
    image.save(out, kind, **_WRITTEN[kind], **more)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(out.getvalue()).decode()}"
