"""Profiles of planted prompts' calls, with known rates."""

from collections.abc import Callable

from sqlalchemy import insert

from smile_trace.records import Call
from smile_trace.records.profile import ProbeResult, Profile
from smile_trace.store import Store
from smile_trace.store.tables import Group, profiles
from smile_trace_contracts.samples import sample_profile


def plant_profiles(store: Store, prompt: str, version: str, changed: int) -> None:
    """A profile of every call of a version: `changed` of ten other orders change its answer."""

    def profile(call: Call) -> Profile:
        sample = sample_profile(call)
        order = ProbeResult(
            name="order",
            title="Another order",
            status="found" if changed else "none",
            reason=f"{changed} of 10 gave another answer.",
            value=changed / 10,
            p_value=0.01 if changed else 1.0,
            changed=changed,
            calls=10,
        )
        results = {"stability": sample.results["stability"], "order": order}
        return sample.model_copy(update={"results": results})

    keep_profiles(store, prompt, version, profile)


def keep_profiles(store: Store, prompt: str, version: str, of: Callable[[Call], Profile]) -> None:
    """Keep a profile of every call of a version."""
    with store.reading_prompts() as prompts:
        calls = prompts.calls(prompts.call_ids(prompt, version))
    rows = []
    for call in calls:
        profile = of(call)
        rows.append(
            {
                "call_id": call.id,
                "trace_id": call.trace_id,
                "settings_hash": "h",
                "attempt": 1,
                **Group("prompt", prompt, version).values,
                "period": "2026-11-27",
                "seed": 0,
                "status": profile.status,
                "created_at": 1.0,
                "body": profile.model_dump_json(),
            }
        )
    with store.database.write() as connection:
        connection.execute(insert(profiles), rows)
