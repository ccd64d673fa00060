"""The fenced code blocks of a page of documentation."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(
    r"^(?P<indent>[ ]*)```(?P<language>\w*)[^\n]*\n(?P<code>.*?)^(?P=indent)```\s*$",
    re.DOTALL | re.MULTILINE,
)
_NOT_RUN = re.compile(r"<!-- not run: (?P<why>[^>]*\S) -->\s*\Z")


@dataclass(frozen=True)
class Block:
    """One block: its language as written (empty for plain text), its code, where it stands."""

    language: str
    code: str
    line: int
    not_run: str
    """Why it cannot run: from a comment `<!-- not run: why -->` directly above, or empty."""


def blocks_of(page: Path) -> list[Block]:
    """The fenced blocks of a Markdown file, in order, without their indentation."""
    text = page.read_text(encoding="utf-8")
    found = []
    for match in _FENCE.finditer(text):
        reason = _NOT_RUN.search(text[: match.start()])
        code = re.sub(rf"^{match['indent']}", "", match["code"], flags=re.MULTILINE)
        line = text.count("\n", 0, match.start()) + 1
        found.append(Block(match["language"], code, line, reason["why"] if reason else ""))
    return found


def commands(block: Block) -> list[list[str]]:
    """The commands of a bash block, each as its words."""
    code = re.sub(r"(^|\s\s)#.*$", "", block.code.replace("\\\n", " "), flags=re.MULTILINE)
    lexer = shlex.shlex(code, posix=True, punctuation_chars="\n")
    lexer.whitespace, lexer.commenters, lexer.whitespace_split = " \t", "", True
    found: list[list[str]] = [[]]
    for word in lexer:
        if word.strip("\n"):
            found[-1].append(word)
        else:
            found.append([])
    return [words for words in found if words]
