"""How text, numbers and intervals read in every picture."""

import re

_HIDDEN = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)


def visible(text: str) -> str:
    """`text` with every character that could control a display replaced by a visible one.

    C0 controls become their Unicode pictures (NUL → ␀, ESC → ␛); C1 controls, lone surrogates,
    noncharacters and bidirectional overrides become U+FFFD. Line feeds and tabs are retained.
    """
    return _HIDDEN.sub(_sign, text.replace("\r\n", "\n"))


def _sign(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x20:
        return chr(0x2400 + code)
    return "\u2421" if code == 0x7F else "\ufffd"


def signed(value: float) -> str:
    """A number on the scale of attributions: `+0.62`, `−0.08`, `0.00`."""
    text = f"{value:+.2f}".replace("-", "\u2212")
    return "0.00" if text[1:] == "0.00" else text


def unsigned(value: float) -> str:
    """A number with two decimals: `0.62`, `−0.08`."""
    return f"{value:.2f}".replace("-", "\u2212")


def short(text: str, longest: int = 90) -> str:
    """`text` on one line, truncated to `longest` characters."""
    line = " ".join(visible(text).split())
    return line if len(line) <= longest else line[: longest - 1] + "…"


def number(value: float) -> str:
    """A number with three significant digits."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def probability(value: float | None) -> str:
    """A p-value: `.012`, `< .001`, or nothing where it is unknown."""
    if value is None:
        return ""
    return "< .001" if value < 0.001 else f"{value:.3f}".lstrip("0")
