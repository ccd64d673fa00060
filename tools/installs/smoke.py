"""What is run in the environment of each extra: what its user does first, and no more."""

from collections.abc import Mapping

BASE = """
import tempfile, pathlib
import smile_trace
home = pathlib.Path(tempfile.mkdtemp())
smile_trace.configure(home=home)
ask = smile_trace.trace(model="m")(lambda prompt: "At nine.")
ask("When do you open?")
[file] = (home / "spool").glob("*.jsonl")
assert "When do you open?" in file.read_text()
import smile_trace.testing
with smile_trace.testing.captured() as found:
    ask("When do you close?")
assert len(found.calls) == 1
"""

ALONE = (
    BASE
    + """
try:
    smile_trace.explain
except smile_trace.SmileTraceError as error:
    assert "smile-trace[worker]" in str(error), error
else:
    raise AssertionError("explain without its extra")
"""
)

EXPLAINS = (
    BASE
    + """
from smile_trace.testing import assert_driven_by
shop = lambda prompt: "your money comes back" if "refund" in prompt else "good morning"
found = smile_trace.explain("please give me my refund now or else", model=shop, budget=24)
assert_driven_by(found, "refund", among=1)
"""
)


def _tracker(name: str) -> str:
    return (
        EXPLAINS
        + f"""
from importlib.metadata import entry_points
for point in entry_points(group="smile_trace.trackers"):
    if point.name.partition("_")[0] == {name!r}:
        assert point.load().capabilities is not None
"""
    )


SMOKE: Mapping[str, str] = {
    "": ALONE,
    "instrument": ALONE + "import openinference.instrumentation.openai\n",
    "receive": BASE + "import smile_trace.sources.receiver.serve\n",
    "worker": EXPLAINS,
    "anthropic": EXPLAINS + "import anthropic, smile_trace.models.kinds.anthropic\n",
    "local": EXPLAINS + "import xllamacpp, smile_trace.models.kinds.local\n",
    "mcp": EXPLAINS + "import smile_trace.mcp.server\n",
    "images": EXPLAINS + "import PIL.Image, smile_trace._guards.images\n",
    "parquet": EXPLAINS + "import pyarrow.parquet, smile_trace.hub.files\n",
    "smile": EXPLAINS + "from smile_trace.attribution.estimation.regressor_solver import "
    "RegressorSolver; RegressorSolver()\n",
    "testing": EXPLAINS + "import smile_trace_contracts.source, smile_trace_contracts.tracker\n",
    "tracing": EXPLAINS + "import opentelemetry.exporter.otlp.proto.http.trace_exporter\n",
    "postgres": EXPLAINS + "import psycopg, smile_trace.store.database.postgresql\n",
    **{name: _tracker(name) for name in ("comet", "langfuse", "mlflow", "opik", "otlp", "phoenix")},
}
"""Python of each extra ("" is the base) that ends without an error where the extra is whole."""

STRICT = ("", "worker")
"""The extras where every warning is an error, those of packages that are not ours among them."""
