"""Foreign texts and addresses made presentable: one line, no sequences, no secrets."""

import re

from smile_trace._guards.presentable import (
    LONGEST,
    check_address,
    hide,
    holds_credentials,
    presentable,
    presentable_lines,
)
from tests.support.readers.base import ForeignReader, any_text

SECRET = "correct-horse-battery-staple"
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def _read(data: bytes) -> None:
    hide(SECRET)
    text = any_text(data)
    for foreign in (text, f"{text} {SECRET} {text}", f"http://{text}:{SECRET}@{text}"):
        shown = presentable(foreign)
        assert len(shown) <= LONGEST
        assert not _CONTROLS.search(shown)
        assert SECRET not in shown
        lines = presentable_lines(foreign)
        assert SECRET not in lines
        assert not _CONTROLS.search(lines.replace("\n", ""))
    assert presentable(shown) == shown or "[redacted" in shown or "…" in shown
    try:
        check_address(text, "base_url", "a variable")
        holds_credentials(text)
    except ValueError:  # its own: it never repeats the address
        return


def _seeds() -> list[bytes]:
    texts = [
        f"HTTP 401: Incorrect API key provided: {SECRET}",
        f"http://user:{SECRET}@127.0.0.1:5000/v1?api_key={SECRET}#x",
        "\x1b[31mred\x1b[0m \x1b]8;;http://evil\x07link\x1b]8;;\x07 \x9b2J \u202e \u2028 \x00",
        "Authorization: Bearer abcdefghijklmnop sk-abcdefghijklmnop1234",
        "Traceback (most recent call last):\n  File 'x', line 1\n\tboom\r\n",
        "http://[::1]:99999/%zz http://[",
    ]
    return [text.encode() for text in texts]


PRESENTABLE_TEXTS = ForeignReader("presentable texts", _read, _seeds)
