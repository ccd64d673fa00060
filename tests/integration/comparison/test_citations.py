"""Citations over a prompt's calls: in the report, and as a limit of the gate."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from smile_trace.cli.app import app
from smile_trace.records import CitedDocument
from smile_trace.settings import Settings
from smile_trace.store import Store
from tests.support.cited import UNCITED, UNUSED, USED, explained
from tests.support.store_rows import capture, decision, only
from tests.support.stores import settings as settings
from tests.support.stores import store as store

FUNCTION = "chat planted"


@pytest.fixture(autouse=True)
def home(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SMILE_TRACE_HOME", str(settings.home))
    return settings.home


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments], catch_exceptions=False)


def explain(store: Store, *answers: tuple[CitedDocument, ...]) -> None:
    """Capture calls whose answers have these citations, and explain them."""
    for number, citations in enumerate(answers, 1):
        capture(store, number)
        store.sampling.decide([decision(number)], {}, now=5.0)
        job = only(store.jobs.due(now=5.0, limit=1))
        made = explained(USED).model_copy(update={"citations": citations})
        store.jobs.explain(job, made, now=6.0)


def test_the_report_counts_them(store: Store, tmp_path: Path) -> None:
    explain(store, *[(USED, USED, UNCITED)] * 9, (UNUSED, USED), ())
    page = tmp_path / "page.html"
    asked = ("compare", FUNCTION, "--since", "2001-01-01")
    ran = invoke(*asked)
    line = "to the sentence that cites it (of 20 citations in 10 answers)."
    assert line in " ".join(ran.output.split())
    assert "used, not cited  9 of 28" in ran.output
    assert invoke(*asked, "--html", str(page)).exit_code == 0
    assert line in page.read_text()
    assert "<td>1 of 20</td>" in page.read_text()


@pytest.mark.parametrize(
    ("answers", "limit", "code", "said"),
    [
        ([(USED, USED)] * 30, ".2", 0, "within"),
        ([(USED, UNUSED)] * 5, ".4", 0, "open"),
        ([(USED, UNUSED)] * 30, ".2", 3, "broken"),
        ([()] * 2, "1", 3, "no citation of an explained answer is settled"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_limit_of_the_gate(
    store: Store, answers: list[tuple[CitedDocument, ...]], limit: str, code: int, said: str
) -> None:
    explain(store, *answers)
    asked = ("test", FUNCTION, "--max", f"unused_citations={limit}", "--since", "2001-01-01")
    ran = invoke(*asked)
    assert ran.exit_code == code, ran.output
    assert said in ran.output
    assert ("Unused citations: " in ran.stderr) == (code == 3)
