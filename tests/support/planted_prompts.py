"""Prompt versions with captured and explained calls whose influences are known."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from sqlalchemy import insert

from smile_trace._text.prompts import render
from smile_trace.comparison.templates import segment_template
from smile_trace.records import (
    Call,
    ExplanationSettings,
    Form,
    Message,
    PromptUse,
    Unit,
    Usage,
)
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.store.tables import Group, calls, explanations, jobs, observations

MODEL = "planted"

BEFORE = (
    "You are the assistant of a shop.\nBe brief.\nNever mention competitors.\n"
    "Use the customer's language.\nQuestion: {question}\nAnswer:"
)
AFTER = BEFORE.replace("Be brief.", "Be brief and kind.").replace(
    "Never mention competitors.\n", ""
)
EFFECTS = {
    "You are the assistant of a shop.": 0.3,
    "Use the customer's language.": 0.5,
    "{question}": 0.6,
}
QUESTIONS = [{"question": f"Is item {k} in stock?"} for k in range(60)]


def settings_in(folder: Path, **values: object) -> Settings:
    """Settings with that folder as home."""
    return Settings(home=folder, **values)


def plant(
    store: Store,
    name: str,
    version: str,
    template: str,
    variables: Sequence[Mapping[str, str]],
    *,
    effects: Mapping[str, float] | None = None,
    answers: Sequence[str] | None = None,
    unit: Unit = "sentence",
    model: str = MODEL,
    masks: int = 6,
    noise: float = 0.05,
    keep: Sequence[float] = (0.7,),
    pooled: bool = True,
    signal: str = "text",
    probability: float | None = 1.0,
    form: Form = "chat",
    parameters: Mapping[str, object] | None = None,
    rerun: str | None = None,
    avoid: str | None = None,
    seed: int = 0,
) -> None:
    """One captured call per entry of `variables`; explained where `effects` are given.

    Args:
        effects: the text of a segment to its effect; others have none.
        avoid: the target of the explanations.
        rerun: the function that made the calls, as `MODULE:NAME`, with the one parameter `prompt`.
    """
    generator = np.random.default_rng([seed, *version.encode()])
    segments = segment_template(name, version, template, unit)
    settings = ExplanationSettings(model=model, pooled=pooled, unit=unit, avoid=avoid, seed=seed)
    digest = f"{model}-{pooled}-{unit}-{signal}-{avoid or ''}"
    tables: dict[str, list[dict[str, object]]] = {
        "calls": [],
        "jobs": [],
        "explanations": [],
        "observations": [],
    }
    with store.database.read() as connection:
        first = connection.execute(explanations.select()).all()
    number = len(first)
    for k, values in enumerate(variables):
        text = render(template, values)
        call = Call(
            trace_id=generator.bytes(16).hex(),
            span_id=generator.bytes(8).hex(),
            name=name,
            messages=(Message(role="user", content=text),),
            answer=answers[k] if answers else f"answer {k}",
            model=model,
            form=form,
            rerun=rerun,
            rerun_arguments={"prompt": "prompt", "arguments": {}} if rerun else None,
            parameters=dict(parameters or {"temperature": 0}),
            usage=Usage(input_tokens=len(text) // 4, output_tokens=5),
            start_ns=10**18 + k * 10**9,
            end_ns=10**18 + k * 10**9 + 5 * 10**8,
            prompts=(
                PromptUse(
                    name=name,
                    version=version,
                    template=template,
                    variables=dict(values),
                    message=0,
                    start=0,
                    end=len(text),
                ),
            ),
        )
        tables["calls"].append(
            {
                "id": call.id,
                "trace_id": call.trace_id,
                **Group("prompt", name, version).values,
                "start_ns": call.start_ns,
                "body": call.model_dump_json(),
            }
        )
        if effects is None:
            continue
        number += 1
        tables["jobs"].append(
            {
                "call_id": call.id,
                "settings_hash": digest,
                "settings": settings.model_dump_json(),
                "model": model,
                "state": "explained",
                "inclusion_probability": probability,
                "created_at": 0.0,
                "changed_at": 0.0,
            }
        )
        tables["explanations"].append(
            {
                "id": number,
                "call_id": call.id,
                "trace_id": call.trace_id,
                "settings_hash": digest,
                "attempt": 1,
                "status": "inconclusive",
                "created_at": 0.0,
                "body": json.dumps(
                    {
                        "signal": signal,
                        "partitions": [[s.key for s in segments]],
                        "settings": {"pooled": pooled},
                    }
                ),
            }
        )
        sizes = np.array([effects.get(segment.text, 0.0) for segment in segments])
        for row in range(masks):
            keep_probability = keep[row % len(keep)]
            retained = generator.random(len(segments)) < keep_probability
            retained[0] |= not retained.any()
            change = 1 - np.prod(1 - sizes * ~retained) + abs(generator.normal(0, noise))
            tables["observations"].append(
                {
                    "explanation_id": number,
                    "number": row,
                    "kind": "random",
                    "mask": "".join("1" if r else "0" for r in retained),
                    "keep_probability": keep_probability,
                    "replicate": 0,
                    "level": 0,
                    "round": 0,
                    "fixed": "[]",
                    "text_hash": "",
                    "shift": float(min(change, 1.0)),
                }
            )
    with store.database.write() as connection:
        for table in (calls, jobs, explanations, observations):
            if rows := tables[table.name]:
                connection.execute(insert(table), rows)
