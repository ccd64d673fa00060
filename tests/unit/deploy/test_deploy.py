"""The files of deploy/ fit together; commands, options, settings and metrics in them exist."""

import json
import os
import re
import shlex
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from smile_trace.cli.app import app
from smile_trace.settings import Settings
from smile_trace.sources.receiver.app import REQUESTS
from smile_trace.store import Store
from smile_trace.worker.metrics import StatusCollector
from tests.support.paths import ROOT

DEPLOY = ROOT / "deploy"
COMPOSE = DEPLOY / "compose.yaml"
MANIFESTS = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
OF_THE_READER = {
    "STORE_PASSWORD": "made-up",
    "RECEIVER_TOKEN": "made-up",
    "OPENAI_API_KEY": "made-up",
    "OPENAI_BASE_URL": "http://model/v1",
}


def inside(value: Any) -> Iterator[Any]:
    """A document and everything in it."""
    yield value
    for item in (
        value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    ):
        yield from inside(item)


def documents() -> list[Any]:
    texts = [path.read_text(encoding="utf-8") for path in (COMPOSE, *MANIFESTS)]
    return [document for text in texts for document in yaml.safe_load_all(text)]


def command_lines() -> list[list[str]]:
    lists = [one for one in inside(documents()) if isinstance(one, list)]
    lines = [one[one.index("smile-trace") :] for one in lists if "smile-trace" in one]
    units = [path.read_text() for path in UNITS]
    lines += [
        shlex.split(line.partition("/bin/")[2])
        for unit in units
        for line in unit.splitlines()
        if line.startswith("ExecStart=")
    ]
    [run] = re.findall(r"^CMD (.*)$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
    return [*lines, json.loads(run)]


def test_every_command_is_one_with_those_options() -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    lines = command_lines()
    for _, name, *options in lines:
        commands[name].make_context(name, options)  # a usage error is raised
    assert {line[1] for line in lines} == {"worker", "receive", "ship", "health"}


def variables() -> set[str]:
    named = {str(key) for one in inside(documents()) if isinstance(one, dict) for key in one}
    named |= {
        str(one["name"]) for one in inside(documents()) if isinstance(one, dict) and "name" in one
    }
    named |= set(re.findall(r"SMILE_TRACE_\w+", "".join(path.read_text() for path in UNITS)))
    return {name for name in named if name.startswith("SMILE_TRACE_")}


def test_every_variable_is_a_setting() -> None:
    found = variables()
    assert {"SMILE_TRACE_HOME", "SMILE_TRACE_SHIP__URL"} <= found
    for name in found:
        model: Any = Settings
        for part in name.removeprefix("SMILE_TRACE_").lower().split("__"):
            assert part in model.model_fields, name
            model = model.model_fields[part].annotation


def settings_texts() -> list[str]:
    compose = yaml.safe_load(COMPOSE.read_text())["configs"]["settings"]["content"]
    filled = re.sub(r"\$\{(\w+)[^}]*\}", lambda found: OF_THE_READER[found[1]], compose)
    return [filled, (DEPLOY / "kubernetes" / "smile_trace.toml").read_text()]


@pytest.mark.parametrize("number", range(2))
def test_the_settings_are_settings(number: int, tmp_path: Path) -> None:
    tables = tomllib.loads(settings_texts()[number])
    assert tables["store"]["password_env"] == "STORE_PASSWORD"
    if "store" not in Settings.model_fields:
        del tables["store"]
    Settings(home=tmp_path, **tables)


def test_the_image_has_what_its_commands_need() -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    [extras] = re.findall(r"^ARG EXTRAS=(.+)$", text, re.MULTILINE)
    known = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    missing = set(extras.split(",")) - known.keys()
    assert missing <= (set() if "store" in Settings.model_fields else {"postgres"})
    assert re.search(r"^USER 10001$", text, re.MULTILINE)
    kept = {
        line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line[0] == "!"
    }
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = build["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert {package.split("/")[0] for package in packages} <= kept
    assert build["project"]["readme"] in kept


def by_kind() -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for path in MANIFESTS:
        for document in yaml.safe_load_all(path.read_text()):
            found.setdefault(document["kind"], []).append(document)
    return found


def test_services_and_budgets_select_the_pods_that_are_there() -> None:
    kinds = by_kind()
    pods = [one["spec"]["template"] for one in kinds["Deployment"] + kinds["StatefulSet"]]
    labels = [pod["metadata"]["labels"] for pod in pods]
    selectors = [one["spec"]["selector"] for one in kinds["Service"]]
    selectors += [one["spec"]["selector"]["matchLabels"] for one in kinds["PodDisruptionBudget"]]
    for selector in selectors:
        assert sum(selector.items() <= own.items() for own in labels) == 1, selector
    [listed] = kinds["Kustomization"]
    assert all((DEPLOY / "kubernetes" / name).exists() for name in listed["resources"])


def test_every_home_is_in_a_volume_and_not_its_root() -> None:
    # The root of a volume belongs to root there, and a home must be its user's alone.
    pods = [
        one["spec"]["template"]["spec"]
        for k in ("Deployment", "StatefulSet")
        for one in by_kind()[k]
    ]
    for pod in pods:
        for container in [*pod.get("initContainers", ()), *pod["containers"]]:
            [home] = [one["value"] for one in container["env"] if one["name"] == "SMILE_TRACE_HOME"]
            mounts = [mount["mountPath"] for mount in container["volumeMounts"]]
            assert str(Path(home).parent) in mounts


def test_shippers_send_where_receivers_listen() -> None:
    services = yaml.safe_load(COMPOSE.read_text())["services"]
    url = services["shipper"]["environment"]["SMILE_TRACE_SHIP__URL"]
    assert url == "http://receiver:4318"
    assert "receiver" in services
    assert services["receiver"]["volumes"] == services["reader"]["volumes"]
    assert services["application"]["volumes"][-1] == services["shipper"]["volumes"][0]
    [receiver] = [one for one in by_kind()["Service"] if one["spec"].get("clusterIP") != "None"]
    [sent] = {
        one["value"]
        for one in inside(documents())
        if isinstance(one, dict) and one.get("name") == "SMILE_TRACE_SHIP__URL"
    }
    name, port = receiver["metadata"]["name"], receiver["spec"]["ports"][0]["port"]
    assert sent == f"http://{name}.smile-trace:{port}"


def test_the_dashboard_shows_metrics_that_there_are(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    store = Store.open(settings)
    try:
        metrics = {one.name: one.type for one in StatusCollector(store, settings).collect()}
    finally:
        store.close()
    known = {f"{name}_total" if kind == "counter" else name for name, kind in metrics.items()}
    known.add(REQUESTS)
    dashboard = json.loads((DEPLOY / "grafana" / "smile-trace.json").read_text())
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    used = set(re.findall(r"smile_trace_\w+", " ".join(expressions)))
    assert used == known, "all of them, and no other"
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])


@pytest.mark.skipif(not shutil.which("docker-compose"), reason="no docker-compose here")
def test_compose_takes_its_file() -> None:
    command = ["docker-compose", "-f", str(COMPOSE), "config", "--quiet"]
    subprocess.run(command, check=True, env=os.environ | OF_THE_READER)


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd here")
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_systemd_takes_its_units(unit: Path) -> None:
    done = subprocess.run(
        ["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, timeout=60
    )
    said = [line for line in done.stderr.splitlines() if unit.name in line]
    assert [line for line in said if "is not executable" not in line] == []
