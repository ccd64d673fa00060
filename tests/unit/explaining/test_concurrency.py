"""The thread that does the arithmetic of all studies."""

import asyncio

from smile_trace.explaining.concurrency import run_in_thread
from smile_trace.log_context import about, log_fields


async def test_what_the_studies_log_says_which_of_two_calls_it_is_about() -> None:
    async def explain(call_id: str) -> list[str | int]:
        with about(call_id=call_id):
            return [(await run_in_thread(log_fields))["call_id"] for _ in range(3)]

    one, two = await asyncio.gather(explain("a:1"), explain("b:1"))
    assert (set(one), set(two)) == ({"a:1"}, {"b:1"})
    assert await run_in_thread(log_fields) == {}
