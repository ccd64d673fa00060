"""The workers of a shared store: clocks, releases, and what none of them does."""

from collections.abc import Iterator, Sequence

from smile_trace._text.lists import listed
from smile_trace.store.workers import ROLES, RegisteredWorker
from smile_trace.worker.doctor.findings import Finding

CLOCK_SECONDS = 5.0
"""How far a clock may be from the database's."""


def examine_fleet(
    workers: Sequence[RegisteredWorker], clock_ahead: float | None
) -> Iterator[Finding]:
    """What is wrong with the workers of a shared store.

    Args:
        workers: those that are registered.
        clock_ahead: seconds that this machine's clock is ahead of the database's; None where the
            store is a file, of which there is nothing to say.
    """
    if clock_ahead is None:
        return
    if abs(clock_ahead) > CLOCK_SECONDS:
        yield Finding(level="bad", about="clock", said=_wrong("this machine", clock_ahead))
    for one in workers:
        if one.clock_ahead is not None and abs(one.clock_ahead) > CLOCK_SECONDS:
            said = _wrong(f"the machine of {one.name}", one.clock_ahead)
            yield Finding(level="bad", about="clock", said=said)
        if not one.alive:
            said = f"{one.name} gives no sign of life: the others take over from it in seconds"
            yield Finding(level="note", about="workers", said=said)
    alive = [one for one in workers if one.alive]
    if not alive:
        yield Finding(level="note", about="workers", said="none runs: start smile-trace worker")
        return
    releases = sorted({one.release for one in alive})
    if len(releases) > 1:
        said = f"{listed(releases)} run beside each other: bring all to one release"
        yield Finding(level="bad", about="workers", said=said)
    done = {role for one in alive for role in one.roles.split(",")}
    for role in ROLES:
        if role not in done:
            said = f"none has the role {role}: start smile-trace worker --roles {role}"
            yield Finding(level="bad", about="workers", said=said)
    if len(releases) == 1 and done.issuperset(ROLES):
        said = f"{len(alive)} of release {releases[0]}"
        yield Finding(level="good", about="workers", said=said)


def _wrong(whose: str, ahead: float) -> str:
    """What a clock is, and what to do."""
    said = "ahead of" if ahead > 0 else "behind"
    return (
        f"the clock of {whose} is {abs(ahead):,.0f} s {said} the database's: set it by NTP; "
        "waits and days are the database's, but what is captured and logged there bears its times"
    )
