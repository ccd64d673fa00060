"""The last place of a text in another."""


def last_place(text: str, part: str) -> int:
    """`text.rfind(part)` in linear time; `rfind` itself is quadratic on hostile texts."""
    if text.endswith(part):
        return len(text) - len(part)
    if part not in text:
        return -1
    return len(text) - len(part) - text[::-1].find(part[::-1])
