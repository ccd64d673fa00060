"""Commands at a terminal, full of texts that a terminal would obey."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from smile_trace.settings import Settings
from smile_trace.store import Store
from tests.support.explained import explanation
from tests.support.hostile import storable_texts
from tests.support.planted import serving
from tests.support.planted_prompts import plant
from tests.support.spooled import call_span, write_spool
from tests.support.terminal import AtTerminal, at_terminal

pytestmark = pytest.mark.slow

TEXTS = {name: text[:300] for name, text in storable_texts().items()}
NAMES = ("title of a terminal", "ANSI cursor", "ANSI with one byte", "right to left override")
SHOW = """
import sys
from smile_trace.records import Explanation
Explanation.model_validate_json(open(sys.argv[1]).read()).show()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder with settings whose model answers with everything that is hostile."""
    answer = "key ".join(TEXTS.values())
    with serving(lambda prompt: answer if "key" in prompt else "nothing") as server:
        (tmp_path / "smile_trace.toml").write_text(
            f'[models.planted]\nkind = "endpoint"\nbase_url = "{server.base_url}"\n'
            "temperature_zero_is_deterministic = true\n[sampling]\nrate = 1.0\n"
            "[budget]\ncalls_per_explanation = 8\n"
        )
        yield tmp_path


def run(folder: Path, *arguments: str) -> AtTerminal:
    """`smile-trace` in that folder; it must not have done anything to the terminal."""
    done = at_terminal(
        ["-m", "smile_trace", *arguments], folder, {"SMILE_TRACE_HOME": str(folder / "home")}
    )
    done.check()
    assert not any("Traceback" in line for line in done.lines)
    return done


def test_every_message_of_a_heatmap_stays_on_its_lines(tmp_path: Path) -> None:
    messages: list[tuple[str, str]] = []
    for number, text in enumerate(TEXTS.values()):
        messages += [(text, f"{text} key"), ("user", f"witness {number} stays here")]
    file = tmp_path / "explanation.json"
    answer = f"{''.join(TEXTS.values())}\nthe answer ends here"
    made = explanation(messages, {"key": 0.5}, answer=answer, summary="".join(TEXTS.values()))
    file.write_text(made.model_dump_json())
    shown = at_terminal(["-c", SHOW, str(file)], tmp_path)
    assert shown.code == 0, shown.written[-2000:]
    shown.check()
    stays = [line for line in shown.lines if "stays here" in line]
    assert stays == [f"  witness {number} stays here" for number in range(len(TEXTS))]
    assert "  the answer ends here" in shown.lines


def test_explain_and_its_errors(folder: Path) -> None:
    (folder / "prompt.txt").write_text("\n".join([*TEXTS.values(), "turn the key"]))
    shown = run(folder, "explain", "--file", "prompt.txt", "--model", "planted", "--budget", "40")
    assert shown.code == 0, shown.written[-2000:]
    text = "".join(TEXTS[name] for name in NAMES)
    assert run(folder, "explain", "--prompt", "x", "--model", text).code == 1
    assert run(folder, "explain", text).code == 1
    assert run(folder, "compare", text, "--versions", f"{text},{text}").code == 1


def test_names_in_comparisons_and_status(folder: Path) -> None:
    settings = Settings(home=folder / "home")
    store = Store.open(settings)
    name = "".join(TEXTS[n] for n in NAMES)
    parts = [text.replace("{", "{ ") for text in TEXTS.values()]
    template = "".join(f"{t}.\nWitness {n} stays.\n" for n, t in enumerate(parts)) + "{question}"
    variables = [{"question": text} for text in list(TEXTS.values())[:12]]
    for version, effects in ((name, {"Witness 3 stays.": 0.6}), (name[::-1], {})):
        plant(store, name, version, template, variables, effects=effects)
    store.close()
    spans = [
        call_span(n, model=text, answer=text, **{"gen_ai.agent.name": text})  # type: ignore[arg-type]
        for n, text in enumerate(TEXTS.values(), 1)
    ]
    write_spool(settings.spool, spans)
    compared = run(folder, "compare", name, "--budget", "0")
    assert compared.code == 0, compared.written[-2000:]
    assert sum("parts were not measured" in line for line in compared.lines) == 2, "each version"
    assert run(folder, "worker", "--once").code == 0
    status = run(folder, "status")
    assert status.code == 0
    starts = [line.split()[0] for line in status.lines if not line.startswith(" ")]
    assert {"captured", "sampled", "explained", "skipped", "failed", "lost"} <= set(starts)
    run(folder, "doctor")
    run(folder, "retry", "--failed")
