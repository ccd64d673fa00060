"""Where the pictures of the documentation lie, and how one is stored."""

from PIL import Image
from playwright.sync_api import FloatRect, Page

from tests.support.paths import ROOT

IMAGES = ROOT / "docs" / "images"
COLOURS = 128
"""Of a picture without a scale: a palette takes a third of the bytes."""


def store_picture(
    page: Page,
    name: str,
    *,
    dark: bool,
    clip: FloatRect | None = None,
    colours: int | None = None,
) -> None:
    """Photograph a page into the documentation, with so many colours at most."""
    path = IMAGES / f"{name}{'-dark' if dark else ''}.png"
    page.screenshot(path=path, clip=clip)
    with Image.open(path) as picture:
        small = picture.convert("RGB")
    if colours is not None:
        small = small.quantize(colours, dither=Image.Dither.NONE)
    small.save(path, optimize=True)
