"""How long a replayed answer may become where the captured request set no limit of its own."""

import math
import re

_PIECE = re.compile(r"[A-Z]?[a-z]{1,8}|[A-Z]|[^\sA-Za-z]")
_MARGIN = 8
_CHARACTERS_PER_TOKEN = 4


def answer_limit(answer: str, tokens: int | None = None) -> int:
    """Tokens that a replay of `answer` may have: its own, and a quarter (at least 8) more.

    Args:
        answer: the logged answer.
        tokens: as the provider counted them; None, or a count that is none, to estimate them from
            the text, on the safe side: eight letters of a word at most, a capital, digit or mark,
            four characters on average, and every byte of what is not ASCII.
    """
    if tokens is None or tokens <= 0:
        characters = math.ceil(len(answer) / _CHARACTERS_PER_TOKEN)
        ascii_only = "".join(filter(str.isascii, answer))
        others = len(answer.encode("utf-8", "surrogatepass")) - len(ascii_only)
        tokens = max(len(_PIECE.findall(ascii_only)), characters) + others
    return tokens + max(_MARGIN, tokens // 4)
