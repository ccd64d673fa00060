"""Secrets, found by their shape: keys and tokens of the common providers, bearer and basic
credentials, passwords in URLs, private keys."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from smile_trace._guards.internal_errors import keep_inside, report_error

SHORTEST_TOKEN = 16
"""Every provider's token holds a run of this many letters, digits, `_`, `-`, `/` or `+`."""


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
    clues: tuple[str, ...]
    """Texts without any of these hold no match: a search for them is much cheaper."""
    pattern: str

    def finditer(self, text: str) -> Iterator[tuple[int, int, str]]:
        """Start and end of each secret, and the mark that takes its place."""
        # Compiled when it is needed: all of them would be a third of our import.
        pattern = re.compile(self.pattern)
        group = "s" if "s" in pattern.groupindex else 0
        mark = f"[redacted: {self.label}]"
        for match in pattern.finditer(text):
            yield match.start(group), match.end(group), mark
        if self.pattern.startswith(_EDGE):
            # Glued to a word, it is one only where it looks drawn at random.
            for match in re.compile(self.pattern.removeprefix(_EDGE)).finditer(text):
                if _RANDOM.search(match.group()):
                    yield match.start(group), match.end(group), mark


def _rule(label: str, clues: str, pattern: str) -> _Rule:
    return _Rule(label, tuple(clues.split()), pattern)


# The secret is the group `s`, or, without one, the whole match. A token starts where no
# letter, digit or underscore precedes it, also right after JSON's `\n`, `\t`, `\"`.
_EDGE = r"(?:(?<![A-Za-z0-9_])|(?<=\\[nrt\"]))"

_TOKENS = (
    _rule("openai-key", "sk-", _EDGE + r"sk-[A-Za-z0-9_\-]{16,}"),
    _rule("aws-key-id", "AKIA ASIA ABIA ACCA", _EDGE + r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}"),
    _rule(
        "aws-secret-key",
        "secret Secret SECRET",
        r"(?i:secret_?(?:access_?)?key)[\\\"']*\s*[:=]\s*[\\\"']*"
        r"(?P<s>[A-Za-z0-9/+]{40})(?![A-Za-z0-9/+=])",
    ),
    _rule("google-key", "AIza", _EDGE + r"AIza[A-Za-z0-9_\-]{35}"),
    _rule("google-oauth-token", "ya29.", _EDGE + r"ya29\.[A-Za-z0-9_\-.]{20,}"),
    _rule("google-client-secret", "GOCSPX-", _EDGE + r"GOCSPX-[A-Za-z0-9_\-]{20,}"),
    _rule("github-token", "ghp_ gho_ ghu_ ghs_ ghr_", _EDGE + r"gh[pousr]_[A-Za-z0-9]{30,}"),
    _rule("github-token", "github_pat_", _EDGE + r"github_pat_[A-Za-z0-9_]{22,}"),
    _rule(
        "gitlab-token",
        "glpat- glptt- gldt- glrt- glcbt- glsoat- glft-",
        _EDGE + r"gl(?:pat|ptt|dt|rt|cbt|soat|ft)-[A-Za-z0-9_\-]{20,}",
    ),
    _rule("slack-token", "xox", _EDGE + r"xox[abeoprs]-[A-Za-z0-9\-]{10,}"),
    _rule("slack-token", "xapp-", _EDGE + r"xapp-\d-[A-Za-z0-9\-]{20,}"),
    _rule("slack-webhook", "hooks.slack", r"hooks\.slack\.com/services/(?P<s>[A-Za-z0-9/]{30,})"),
    _rule("huggingface-token", "hf_ api_org_", _EDGE + r"(?:api_org|hf)_[A-Za-z0-9]{30,}"),
    _rule("stripe-key", "_live_ _test_", _EDGE + r"(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{16,}"),
    _rule("webhook-secret", "whsec_", _EDGE + r"whsec_[A-Za-z0-9+/=]{20,}"),
    _rule("sendgrid-key", "SG.", _EDGE + r"SG\.[A-Za-z0-9_\-]{16,}\.[A-Za-z0-9_\-]{16,}"),
    _rule("twilio-key", "SK", _EDGE + r"SK[0-9a-f]{32}(?![A-Za-z0-9])"),
    _rule("npm-token", "npm_", _EDGE + r"npm_[A-Za-z0-9]{30,}"),
    _rule("pypi-token", "pypi-", _EDGE + r"pypi-[A-Za-z0-9_\-]{30,}"),
    _rule("groq-key", "gsk_", _EDGE + r"gsk_[A-Za-z0-9]{30,}"),
    _rule("xai-key", "xai-", _EDGE + r"xai-[A-Za-z0-9]{30,}"),
    _rule("perplexity-key", "pplx-", _EDGE + r"pplx-[A-Za-z0-9]{30,}"),
    _rule("replicate-token", "r8_", _EDGE + r"r8_[A-Za-z0-9]{30,}"),
    _rule("nvidia-key", "nvapi-", _EDGE + r"nvapi-[A-Za-z0-9_\-]{30,}"),
    _rule("tavily-key", "tvly-", _EDGE + r"tvly-[A-Za-z0-9\-]{20,}"),
    _rule("fireworks-key", "fw_", _EDGE + r"fw_[A-Za-z0-9]{20,}"),
    _rule("langsmith-key", "lsv2_", _EDGE + r"lsv2_(?:pt|sk)_[A-Za-z0-9_]{30,}"),
    _rule("databricks-token", "dapi", _EDGE + r"dapi[0-9a-f]{32}(?:-\d+)?"),
    _rule("digitalocean-token", "dop_v1_ doo_v1_ dor_v1_", _EDGE + r"do[por]_v1_[0-9a-f]{60,}"),
    _rule(
        "shopify-token",
        "shpat_ shpca_ shppa_ shpss_",
        _EDGE + r"shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}",
    ),
    _rule("atlassian-token", "ATATT", _EDGE + r"ATATT[A-Za-z0-9_\-=]{20,}"),
    _rule("linear-key", "lin_api_", _EDGE + r"lin_api_[A-Za-z0-9]{30,}"),
    _rule("notion-token", "ntn_ secret_", _EDGE + r"(?:ntn|secret)_[A-Za-z0-9]{40,}"),
    _rule("grafana-token", "glsa_ glc_", _EDGE + r"(?:glsa|glc)_[A-Za-z0-9_+/=]{30,}"),
    _rule("vault-token", "hvs. hvb. hvr.", _EDGE + r"hv[sbr]\.[A-Za-z0-9_\-]{20,}"),
    _rule("docker-token", "dckr_", _EDGE + r"dckr_(?:pat|oat)_[A-Za-z0-9_\-]{20,}"),
    _rule("telegram-token", ":AA", r"(?<!\d)\d{8,10}:AA[A-Za-z0-9_\-]{32,}"),
    _rule("azure-key", "AccountKey= SharedAccessKey=", r"Key=(?P<s>[A-Za-z0-9+/]{40,}={0,2})"),
    _rule("azure-signature", "sig=", r"[?&]sig=(?P<s>[A-Za-z0-9%+/=]{30,})"),
    _rule("json-web-token", "eyJ", _EDGE + r"eyJ[\w\-]{8,}\.[\w\-]{8,}\.[\w\-]*"),
)
# Their clues are looked for in the text in lower case, a rare one costs less than a common one.
_OTHERS = (
    _rule(
        "bearer",
        "bearer authorization",
        _EDGE + r"(?i:(?:bearer|authorization[\\\"']*\s*[:=]\s*[\\\"']*(?:basic|token|bearer))\s+)"
        r"(?P<s>[A-Za-z0-9_\-.~+/=]{8,})",
    ),
    _rule("url-password", "@", r"://[^\s:/?#\[\]@\"'<>]*:(?P<s>[^\s/?#@\"'<>]+)@"),
    _rule(
        "private-key",
        "-----begin",
        r"(?s)-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----.*?"
        r"(?:-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|\Z)",
    ),
)

# One byte per character, every character of a token the same: then a run of them is found by
# one search for a constant, several times faster than by any expression.
_CLASSES = bytes(
    0x61 if code < 128 and (chr(code).isalnum() or chr(code) in "_-/+") else 0x20
    for code in range(256)
)
_RUN = b"a" * SHORTEST_TOKEN
SHORTEST_SECRET = 8
"""The length of the shortest secret, `a://:b@c`."""
BEFORE_RUN = 64
"""The most characters from a rule's clue to the long run that it precedes or is in."""


def find_secrets(text: str) -> Iterator[tuple[int, int, str]]:
    """Every secret: start, end, and the mark that takes its place. Invisible characters (zero-width
    ones, say) inside a secret are part of it."""
    if len(text) < SHORTEST_SECRET:
        return
    if text.isascii() or not _has_invisible_inside(text):
        yield from _find(text)
        return
    places = [place for place, character in enumerate(text) if character not in _INVISIBLE]
    visible = "".join(text[place] for place in places)
    for start, end, mark in _find(visible):
        yield places[start], places[end - 1] + 1, mark


def _has_invisible_inside(text: str) -> bool:
    # In a long text, looking for each of them alone takes less than half of the time.
    if len(text) > 4096 and not any(character in text for character in _INVISIBLE):
        return False
    return _INVISIBLE_INSIDE.search(text) is not None


def _find(text: str) -> Iterator[tuple[int, int, str]]:
    near_runs = "\n".join(_long_runs(text))
    for rules, place in ((_TOKENS, near_runs), (_OTHERS, text.lower())):
        for rule in rules if place else ():
            for clue in rule.clues:
                if clue in place:
                    yield from rule.finditer(text)
                    break


def _long_runs(text: str) -> Iterator[str]:
    """Runs of token characters that are long enough for a token, with the text before them, merged
    where they overlap."""
    classes = text.encode("ascii", "replace").translate(_CLASSES)
    begun = end = 0
    start = classes.find(_RUN)
    while start >= 0:
        if start - BEFORE_RUN > end:
            yield text[begun:end]
            begun = start - BEFORE_RUN
        end = classes.find(b" ", start)
        end = len(classes) if end < 0 else end
        start = classes.find(_RUN, end)
    yield text[begun:end]


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
            raise TypeError(f"a redaction function gave {type(changed).__name__}, not str")
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
