"""Secrets, found by their shape: keys and tokens of the common providers, bearer and basic
credentials, passwords in URLs, private keys."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from smile_trace._guards.internal_errors import keep_inside, report_error

_INVISIBLE = frozenset(
    chr(code)
    for first, last in (
        (0xAD, 0xAD),
        (0x180E, 0x180E),
        (0x200B, 0x200F),
        (0x202A, 0x202E),
        (0x2060, 0x206F),
        (0xFE00, 0xFE0F),
        (0xFEFF, 0xFEFF),
    )
    for code in range(first, last + 1)
)
_INVISIBLE_INSIDE = re.compile(f"[!-~][{''.join(sorted(_INVISIBLE))}]+[!-~]")
_RANDOM = re.compile(
    r"(?=[A-Za-z]{0,40}[0-9])(?=[A-Za-z0-9]*[A-Z0-9][a-z]*[0-9A-Z])[A-Za-z0-9]{16,}"
)
"""A run that looks like a random key: letters and digits, not words."""


@dataclass(frozen=True, slots=True)
class _Rule:
    label: str
    pattern: str
    clue: str
    """Found in every text that holds a match, by the expressions of Rust."""
    before: tuple[str, ...] = ("",)
    """What stands before it; the second, before one that is glued to a word."""

    def finditer(self, text: str) -> Iterator[tuple[int, int, str]]:
        """Start and end of each secret, and the mark that takes its place."""
        mark = f"[redacted: {self.label}]"
        for glued, before in enumerate(self.before):
            # Compiled when it is needed: all of them would be a third of our import.
            pattern = re.compile(before + self.pattern)
            group = "s" if "s" in pattern.groupindex else 0
            for match in pattern.finditer(text):
                # Glued to a word, it is one only where it looks drawn at random.
                if not glued or _RANDOM.search(match.group(group)):
                    yield match.start(group), match.end(group), mark


# A token starts where no letter, digit or underscore precedes it, also right after JSON's `\n`,
# `\t`, `\"`.
_EDGE = r"(?:(?<![A-Za-z0-9_])|(?<=\\[nrt\"]))"
# A web token is looked for only in a run that goes on like one: read from each `eyJ` of a run to
# its end, a hostile text would take the square of its length.
_WEB_TOKEN = r"(?<![\w\-])(?=[\w\-]++\.[\w\-]{8,}+\.)[\w\-]*?"


def _token(label: str, pattern: str, clue: str = "") -> _Rule:
    return _Rule(label, pattern, clue or pattern, (_EDGE, ""))


# The secret is the group `s`, or, without one, the whole match. In a clue, `?` stands for a
# character that is not ASCII, too. The clues of a group are searched for at once, which is fast as
# long as they begin with few different texts.
_GROUPS = (
    (
        _token("openai-key", r"sk-[A-Za-z0-9_\-]{16,}"),
        _token("aws-key-id", r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}"),
        _token("google-key", r"AIza[A-Za-z0-9_\-]{35}"),
        _token("google-oauth-token", r"ya29\.[A-Za-z0-9_\-.]{20,}"),
        _token("google-client-secret", r"GOCSPX-[A-Za-z0-9_\-]{20,}"),
        _token("github-token", r"gh[pousr]_[A-Za-z0-9]{30,}"),
        _token("github-token", r"github_pat_[A-Za-z0-9_]{22,}"),
        _token("gitlab-token", r"gl(?:pat|ptt|dt|rt|cbt|soat|ft)-[A-Za-z0-9_\-]{20,}"),
        _token("slack-token", r"xox[abeoprs]-[A-Za-z0-9\-]{10,}"),
        _token("slack-token", r"xapp-\d-[A-Za-z0-9\-]{20,}", "xapp-"),
        _token("huggingface-token", r"(?:api_org|hf)_[A-Za-z0-9]{30,}"),
        _token("stripe-key", r"(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{16,}"),
        _token("twilio-key", r"SK[0-9a-f]{32}(?![A-Za-z0-9])", "SK[0-9a-f]{32}"),
        _Rule(
            "json-web-token",
            r"(?P<s>eyJ[\w\-]{8,}\.[\w\-]{8,}\.[\w\-]*)",
            r"eyJ[\w\-?]{8,}\.[\w\-?]{8,}\.",
            (_WEB_TOKEN + _EDGE, _WEB_TOKEN),
        ),
        _Rule("telegram-token", r"(?<!\d)\d{8,10}:AA[A-Za-z0-9_\-]{32,}", r":AA[A-Za-z0-9_\-]{32}"),
        _Rule("azure-key", r"Key=(?P<s>[A-Za-z0-9+/]{40,}={0,2})", "Key=[A-Za-z0-9+/]{40}"),
        _Rule("azure-signature", r"[?&]sig=(?P<s>[A-Za-z0-9%+/=]{30,})", "sig=[A-Za-z0-9%+/=]{30}"),
        _Rule(
            "slack-webhook",
            r"hooks\.slack\.com/services/(?P<s>[A-Za-z0-9/]{30,})",
            r"hooks\.slack\.com/services/",
        ),
        _Rule(
            "url-password",
            r"://[^\s:/?#\[\]@\"'<>]*:(?P<s>[^\s/?#@\"'<>]+)@",
            r"://[\x00-\x08\x0e-\x1b!-\x7f]+@",
        ),
        _Rule(
            "private-key",
            r"(?s)-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----.*?"
            r"(?:-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|\Z)",
            "-----BEGIN [A-Z0-9 ]*PRIVATE KEY",
        ),
    ),
    (
        _token("webhook-secret", r"whsec_[A-Za-z0-9+/=]{20,}"),
        _token("sendgrid-key", r"SG\.[A-Za-z0-9_\-]{16,}\.[A-Za-z0-9_\-]{16,}"),
        _token("npm-token", r"npm_[A-Za-z0-9]{30,}"),
        _token("pypi-token", r"pypi-[A-Za-z0-9_\-]{30,}"),
        _token("groq-key", r"gsk_[A-Za-z0-9]{30,}"),
        _token("xai-key", r"xai-[A-Za-z0-9]{30,}"),
        _token("perplexity-key", r"pplx-[A-Za-z0-9]{30,}"),
        _token("replicate-token", r"r8_[A-Za-z0-9]{30,}"),
        _token("nvidia-key", r"nvapi-[A-Za-z0-9_\-]{30,}"),
        _token("tavily-key", r"tvly-[A-Za-z0-9\-]{20,}"),
        _token("fireworks-key", r"fw_[A-Za-z0-9]{20,}"),
        _token("langsmith-key", r"lsv2_(?:pt|sk)_[A-Za-z0-9_]{30,}"),
        _token("databricks-token", r"dapi[0-9a-f]{32}(?:-\d+)?"),
        _token("digitalocean-token", r"do[por]_v1_[0-9a-f]{60,}"),
        _token("shopify-token", r"shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}"),
        _token("atlassian-token", r"ATATT[A-Za-z0-9_\-=]{20,}"),
        _token("linear-key", r"lin_api_[A-Za-z0-9]{30,}"),
        _token("notion-token", r"(?:ntn|secret)_[A-Za-z0-9]{40,}"),
        _token("grafana-token", r"(?:glsa|glc)_[A-Za-z0-9_+/=]{30,}"),
        _token("vault-token", r"hv[sbr]\.[A-Za-z0-9_\-]{20,}"),
        _token("docker-token", r"dckr_(?:pat|oat)_[A-Za-z0-9_\-]{20,}"),
        _token(
            "bearer",
            r"(?i:(?:bearer|authorization[\\\"']*\s*[:=]\s*[\\\"']*(?:basic|token|bearer))\s+)"
            r"(?P<s>[A-Za-z0-9_\-.~+/=]{8,})",
            "(?i:bearer|authorization)",
        ),
        _Rule(
            "aws-secret-key",
            r"(?i:secret_?(?:access_?)?key)[\\\"']*\s*[:=]\s*[\\\"']*"
            r"(?P<s>[A-Za-z0-9/+]{40})(?![A-Za-z0-9/+=])",
            "(?i:secret_?(?:acce[s?][s?]_?)?[k?]ey)",
        ),
    ),
)
SHORTEST_SECRET = 8
"""The length of the shortest secret, `a://:b@c`."""


@cache
def _search_for(clues: str) -> Callable[[str], bool]:
    """A search of ASCII text for the clues, by the regular expressions of Rust, which pydantic
    brings: all of them in one pass, and always in linear time."""
    from pydantic_core import SchemaValidator, core_schema  # a fifth of our import

    schema = core_schema.str_schema(pattern=f"(?-u){clues}", regex_engine="rust-regex")
    return SchemaValidator(schema).isinstance_python


@cache
def searches() -> tuple[tuple[Callable[[str], bool], tuple[_Rule, ...]], ...]:
    """The search for each group's clues, and its rules; `trace` loads it before the first call."""
    return tuple((_search_for("|".join(rule.clue for rule in group)), group) for group in _GROUPS)


def find_secrets(text: str) -> Iterator[tuple[int, int, str]]:
    """Every secret: start, end, and the mark that takes its place. Invisible characters (zero-width
    ones, say) inside a secret are part of it."""
    if len(text) < SHORTEST_SECRET:
        return iter(())
    if text.isascii() or not _has_invisible_inside(text):
        return iter(_find(text))
    places = [place for place, character in enumerate(text) if character not in _INVISIBLE]
    visible = "".join(text[place] for place in places)
    return ((places[start], places[end - 1] + 1, mark) for start, end, mark in _find(visible))


def _has_invisible_inside(text: str) -> bool:
    # In a long text, looking for each of them alone takes less than half of the time.
    if len(text) > 4096 and not any(character in text for character in _INVISIBLE):
        return False
    return _INVISIBLE_INSIDE.search(text) is not None


def _find(text: str) -> list[tuple[int, int, str]]:
    plain = text if text.isascii() else text.encode("ascii", "replace").decode("ascii")
    found: list[tuple[int, int, str]] = []
    for holds_clue, rules in searches():
        if holds_clue(plain):
            for rule in rules:
                if _search_for(rule.clue)(plain):
                    found += rule.finditer(text)
    return found


Redactor = re.Pattern[str] | Callable[[str], str]
"""A user's redaction: an expression whose matches are replaced, or a text function."""
FAILED = "[not written: a redaction function raised]"


class Edit(NamedTuple):
    """Characters `[start, end)` of the original that became `length` new ones."""

    start: int
    end: int
    length: int


def redact(text: str, redactors: tuple[Redactor, ...] = ()) -> tuple[str, list[list[Edit]]]:
    """The redacted text, and the edits: one list per step.

    Each step's edits are in order, with offsets in the step's input. If a user's function raises,
    that is counted, and a mark replaces the whole text.
    """
    steps: list[list[Edit]] = []
    secrets = [*find_secrets(text)]
    if secrets:
        text, edits = _replace(text, secrets)
        steps.append(edits)
    for redactor in redactors:
        changed, edits = _apply(redactor, text)
        if edits:
            text = changed
            steps.append(edits)
    return text, steps


def _replace(text: str, found: list[tuple[int, int, str]]) -> tuple[str, list[Edit]]:
    pieces: list[str] = []
    edits: list[Edit] = []
    position = 0
    # The earliest first, of two that begin together the longer one.
    for start, end, mark in sorted(found, key=lambda f: (f[0], -f[1])):
        if start >= position and end > start:
            pieces += (text[position:start], mark)
            edits.append(Edit(start, end, len(mark)))
            position = end
        elif end > position and pieces:
            # Overlapping: the previous mark covers the rest of this one, too.
            edits[-1] = edits[-1]._replace(end=end)
            position = end
    pieces.append(text[position:])
    return "".join(pieces), edits


def _apply(redactor: Redactor, text: str) -> tuple[str, list[Edit]]:
    try:
        if isinstance(redactor, re.Pattern):
            matches = [(m.start(), m.end(), "[redacted]") for m in redactor.finditer(text)]
            return _replace(text, matches)
        changed = redactor(text)
        if not isinstance(changed, str):
            raise TypeError(f"a redaction function returned {type(changed).__name__}, not str")
    except BaseException as error:  # noqa: BLE001  the user's function may raise anything
        keep_inside(error)
        report_error("a redaction function raised; the text was not written", error)
        changed = FAILED
    return changed, [] if changed == text else [_difference(text, changed)]


def _difference(old: str, new: str) -> Edit:
    """A function's change, as one edit between the common beginning and the common end."""
    shorter = min(len(old), len(new))
    start = next((i for i in range(shorter) if old[i] != new[i]), shorter)
    rest = shorter - start
    tail = next((i for i in range(rest) if old[-1 - i] != new[-1 - i]), rest)
    return Edit(start, len(old) - tail, len(new) - tail - start)


def move(offset: int, steps: list[list[Edit]], *, end: bool) -> int:
    """Map a character offset of the original text to the text after the edits. Inside a replaced
    range, a start moves to the mark's start and an end to its end."""
    for edits in steps:
        moved_by = 0
        for edit in edits:
            if offset >= edit.end:
                moved_by += edit.length - (edit.end - edit.start)
            elif offset > edit.start:
                moved_by += edit.start - offset + (edit.length if end else 0)
                break
            else:
                break
        offset += moved_by
    return offset
