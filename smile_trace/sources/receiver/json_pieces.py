"""A JSON text that is read piece by piece: never is more than one of its values decoded.

Decoding is one call of the interpreter, during which no other thread runs, and an object takes up
to forty times its length in memory: so a text of 32 MB is not decoded whole.
"""

import re
from collections.abc import Iterator
from typing import Any

from smile_trace._guards import foreign
from smile_trace._guards.foreign import MAX_VALUES, ForeignDataError, NotJSON
from smile_trace.sources.receiver.lines import MAX_ITEM_VALUES, MOST_PARTS

WINDOW = 2**14
"""Characters in which a value is decoded without looking for its end first."""
_SPACE = re.compile(r"[ \t\n\r]*+")
_MARK = re.compile(r'["\[\]{}]')
_SCALAR = re.compile(r'[^\s,:"\[\]{}]*+')
# Of a long string only so much at a time: no other thread runs meanwhile.
_INSIDE = re.compile(r'(?:[^"\\]{1,4096}+|\\.){0,4096}+', re.DOTALL)


class Reader:
    """Reads a JSON text from its beginning on.

    Whatever is offered (a member, an element, the value here) is read or skipped before the next
    thing is asked for.

    Args:
        text: as it was sent.
        longest: characters that a value may have to be decoded.
    """

    def __init__(self, text: str, longest: int) -> None:
        self._text = text
        self._longest = longest
        self._at = 0
        self._left = MAX_VALUES
        self._parts_left = MOST_PARTS

    def members(self) -> Iterator[str]:
        """The names of the object here, each of which stands before its value.

        Raises:
            NotJSON: here stands no object.
        """
        for _ in self._parts("{", "}"):
            name = self.value()
            if not isinstance(name, str) or self._take() != ":":
                raise self._no_json()
            yield name

    def elements(self) -> Iterator[None]:
        """One for each value of the list here.

        Raises:
            NotJSON: here stands no list.
        """
        return self._parts("[", "]")

    def kind(self) -> str:
        """The first character of the value here."""
        at = self._here()
        return self._text[at : at + 1]

    def value(self) -> Any:
        """The value here, decoded within the bounds of `foreign`.

        Raises:
            NotJSON: here stands no JSON.
            ForeignDataError: it is beyond the bounds, and is left out.
        """
        start = self._here()
        window = self._text[start : start + WINDOW]
        try:
            value, size = foreign.parse_first(window, lenient=True)
        except ForeignDataError:
            size = WINDOW
        if size < WINDOW:
            self._at = start + size
            return value
        self.skip()
        if self._at - start > self._longest:
            raise ForeignDataError(f"longer than {self._longest:,} bytes as JSON")
        found = self._text[start : self._at]
        return foreign.parse(found, lenient=True, max_values=MAX_ITEM_VALUES)

    def skip(self) -> None:
        """Go past the value here, of which only the brackets and strings are looked at.

        Raises:
            NotJSON: it does not end.
        """
        at = self._here()
        if not self.kind() or self.kind() not in '"[{':
            self._at = self._match(_SCALAR, at)
            return
        depth = 0
        while mark := _MARK.search(self._text, at):
            self._left -= 1
            if self._left < 0:
                raise NotJSON(f"more than {MAX_VALUES:,} values")
            at = mark.end()
            if mark[0] == '"':
                at = self._string_end(at)
            else:
                depth += 1 if mark[0] in "[{" else -1
            if depth <= 0:
                self._at = at
                return
        raise self._no_json()

    def end(self) -> None:
        """See that nothing follows.

        Raises:
            NotJSON: something does.
        """
        if self.kind():
            raise self._no_json()

    def _parts(self, first: str, last: str) -> Iterator[None]:
        if self._take() != first:
            raise self._no_json()
        if self.kind() == last:
            self._at += 1
            return
        while True:
            self._parts_left -= 1
            if self._parts_left < 0:
                raise NotJSON(f"more than {MOST_PARTS:,} spans, logs, scopes and resources")
            yield
            match self._take():
                case ",":
                    continue
                case sign if sign == last:
                    return
            raise self._no_json()

    def _string_end(self, at: int) -> int:
        """Where the string ends in which `at` is."""
        while self._text[at : at + 1] != '"':
            end = self._match(_INSIDE, at)
            if end == at:
                raise self._no_json()
            at = end
        return at + 1

    def _here(self) -> int:
        self._at = self._match(_SPACE, self._at)
        return self._at

    def _take(self) -> str:
        sign = self.kind()
        self._at += 1
        return sign

    def _match(self, pattern: re.Pattern[str], at: int) -> int:
        found = pattern.match(self._text, at)
        return at if found is None else found.end()

    def _no_json(self) -> NotJSON:
        return NotJSON(f"no JSON at character {self._at:,}")
