"""`smile-trace suggest`: what could be changed in a prompt, tried before it is said."""

from typing import TYPE_CHECKING, Annotated

import typer

from smile_trace.cli.arguments import Application, DryRun, Model, Yes
from smile_trace.cli.confirmation import confirm, most_of
from smile_trace.cli.output import printable

if TYPE_CHECKING:
    from smile_trace.explaining import Estimate
    from smile_trace.suggesting.material import Material


def suggest(
    prompt: Annotated[str, typer.Argument(help="The name of the Prompt.")],
    version: Annotated[
        str | None, typer.Option(help="A version; by default the one called last.")
    ] = None,
    model: Model = None,
    budget: Annotated[int, typer.Option(min=1, help="The most calls to the model.")] = 800,
    seed: Annotated[int, typer.Option(help="Decides which calls are held out.")] = 0,
    app: Application = None,
    json: Annotated[bool, typer.Option("--json", help="Print the Suggestions as JSON.")] = False,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Suggest changes of a prompt, each replayed on calls that it was not made from."""
    from smile_trace.settings import Settings
    from smile_trace.suggesting import suggest as suggest_now
    from smile_trace.suggesting.api import estimate_suggestions

    settings = Settings()
    most, material = estimate_suggestions(
        prompt, settings, version=version, model=model, budget=budget, seed=seed
    )
    if dry_run:
        print(most.model_dump_json(indent=2) if json else _plan(most, material))
        return
    confirm(most, yes=yes)
    found = suggest_now(
        prompt,
        version=version,
        model=model,
        budget=budget,
        seed=seed,
        app=app,
        settings=settings,
    )
    if json:
        print(found.model_dump_json(indent=2))
    else:
        found.show()


def _plan(most: "Estimate", material: "Material") -> str:
    cases = len(material.cases_searched), len(material.cases_held_out)
    return "\n".join(
        [
            f"Changes would be looked for on {len(material.searched)} calls and {cases[0]} "
            "confirmed failures,",
            f"and tried on {len(material.held_out)} and {cases[1]} others.",
            f"Asked: {printable(most.model)}, {printable(most.address)}.",
            f"At most: {most_of(most)}.",
            "Nothing was asked.",
        ]
    )
