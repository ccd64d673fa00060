"""What is written for other packages is loaded by these packages."""

import runpy
from pathlib import Path
from typing import Any

import pytest

from smile_trace.hub.files import rows, write_dataset
from smile_trace.records.entry import Entry
from tests.support.explained import explanation
from tests.support.hub_entries import entry, explained
from tests.support.paths import ROOT

INSTALLED = "make test-exchange installs it"


def made_by(package: str) -> Any:
    """What the example for a package makes of an explanation."""
    example = runpy.run_path(str(ROOT / "examples" / "exchange" / f"to_{package}.py"))
    return example[f"to_{package}"](explained())


def test_shap_takes_it_and_draws_it() -> None:
    shap = pytest.importorskip("shap", reason=INSTALLED)
    made = made_by("shap")
    assert isinstance(made, shap.Explanation)
    assert list(made.values) == [s.attribution for s in explained().segments]
    assert list(made.data) == [s.text for s in explained().segments]
    strongest = made[[made.values.argmax()]]
    assert strongest.data[0] == explained().ranked[0].text
    assert shap.plots.bar(made, show=False) is not None


def test_datasets_loads_the_folder_by_its_card(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets", reason=INSTALLED)
    made = [entry(licence="CC-BY-4.0"), Entry.of(explanation(), licence="CC-BY-4.0")]
    write_dataset(made, tmp_path / "d")
    loaded = datasets.load_dataset(str(tmp_path / "d"), "segments", cache_dir=str(tmp_path / "c"))
    wanted = list(rows(made))
    assert loaded["train"].num_rows == len(wanted)
    assert loaded["train"][0]["text"] == wanted[0]["text"]
    assert loaded["train"]["attribution"] == [row["attribution"] for row in wanted]


def test_inseq_loads_what_it_saved(tmp_path: Path) -> None:
    inseq = pytest.importorskip("inseq", reason="large (PyTorch): pip install inseq to run it")
    file = tmp_path / "out.json"
    made_by("inseq").save(file)
    [loaded] = inseq.FeatureAttributionOutput.load(file)
    assert [token.token for token in loaded.source] == [s.text for s in explained().segments]
    assert [token.token for token in loaded.target] == [explained().answer]
    values = loaded.source_attributions[:, 0].tolist()
    assert values == pytest.approx([s.attribution for s in explained().segments])
    drawn = loaded.show(return_html=True, display=False)
    assert all(segment.text in drawn for segment in explained().segments)
