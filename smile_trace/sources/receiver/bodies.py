"""The bodies of requests, held, read and unpacked within bounds."""

import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager

_ANY_HEADER = 32 + zlib.MAX_WBITS
"""Accept zlib and gzip, told apart by their first bytes."""
_NO_HEADER = -zlib.MAX_WBITS
"""Some clients send `deflate` without zlib's header."""
DRAINED = 4
"""A body that is too large is read up to this multiple of the limit: a client that is cut off while
it sends sees no answer, and tries again."""

PIECE = 2**16
MOST_MEMBERS = 1000
"""Most members of a gzip body: one is usual, or one per 64 kB if it is packed in blocks."""


class TooLarge(Exception):
    """A body is longer than allowed, as it is sent or unpacked."""


class CannotUnpack(Exception):
    """A body is not of the encoding that its header declares."""


async def read(chunks: AsyncIterator[bytes], limit: int) -> bytes:
    """Read the whole body as sent; raise `TooLarge` if it has more than `limit` bytes."""
    held = bytearray()  # of small pieces, each of them would take fifty bytes
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if size <= limit:
            held += chunk
        elif size > DRAINED * limit:
            break
        else:
            held = bytearray()
    if size > limit:
        raise TooLarge
    return bytes(held)


def unpack(body: bytes, encoding: str, limit: int) -> bytes:
    """Decode a body from `gzip`, `deflate` or `identity`. At most `limit` bytes are ever unpacked,
    so that no small body becomes a large one. Raises TooLarge if it has more than `limit` bytes;
    CannotUnpack if it is not of that encoding, or ends too early."""
    if encoding == "identity" or not body:
        return body
    try:
        return _inflate(body, _ANY_HEADER, limit)
    except zlib.error:
        if encoding != "deflate":
            raise CannotUnpack from None
    try:
        return _inflate(body, _NO_HEADER, limit)
    except zlib.error:
        raise CannotUnpack from None


def _inflate(body: bytes, window: int, limit: int) -> bytes:
    parts: list[bytes] = []
    at, left = 0, limit
    for _ in range(MOST_MEMBERS):
        inflater = zlib.decompressobj(window)
        while not inflater.eof:
            # In pieces, because what stands behind the end of a member is copied.
            piece = body[at : at + PIECE]
            if not piece:
                raise CannotUnpack
            part = inflater.decompress(piece, left + 1)
            at += len(piece) - len(inflater.unused_data)
            left -= len(part)
            if left < 0:
                raise TooLarge
            parts.append(part)
        if at == len(body):
            return b"".join(parts)
    raise CannotUnpack


class TooMuch(Exception):
    """Nothing more is taken now; `seconds` tells when to try again."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class Intake:
    """A limit on the bytes of bodies.

    Args:
        at_once: bytes held at any moment.
        per_second: bytes per second on average; a second's worth, or one body of any size, may come
            at once.
        clock: seconds of a clock that never goes back.
    """

    def __init__(self, at_once: int, per_second: float, clock: Callable[[], float]) -> None:
        self._at_once = at_once
        self._per_second = per_second
        self._clock = clock
        self._held = 0
        self._free_at = clock()

    @contextmanager
    def holding(self, size: int) -> Iterator[None]:
        """Count a body of `size` bytes as held; raise `TooMuch` if the limits are reached."""
        now = self._clock()
        # The bytes that came before take until `_free_at` at the rate that is allowed.
        if self._free_at > now + 1:
            raise TooMuch(self._free_at - now - 1)
        if self._held and self._held + size > self._at_once:
            raise TooMuch(1)
        self._free_at = max(self._free_at, now) + size / self._per_second
        self._held += size
        try:
            yield
        finally:
            self._held -= size
