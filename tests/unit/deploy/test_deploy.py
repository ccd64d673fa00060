"""The files of deploy/ fit together; commands, options, settings and metrics in them exist."""

import json
import os
import re
import shlex
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import typer
import yaml

from smile_trace.cli.app import app
from smile_trace.demo.trackers import mlflow_command
from smile_trace.settings import Settings
from smile_trace.sources.receiver.app import REQUESTS
from smile_trace.store import Store
from smile_trace.worker.metrics import StatusCollector
from tests.support.paths import ROOT

DEPLOY = ROOT / "deploy"
COMPOSE = DEPLOY / "compose.yaml"
DOCKERFILES = (DEPLOY / "Dockerfile", DEPLOY / "receive.Dockerfile")
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
    runs = [re.findall(r"^CMD (.*)$", image.read_text(), re.MULTILINE)[0] for image in DOCKERFILES]
    return [*lines, *map(json.loads, runs)]


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


def test_the_images_have_what_their_commands_need() -> None:
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())
    worker, receive = (path.read_text() for path in DOCKERFILES)
    [extras] = re.findall(r"^ARG EXTRAS=(.+)$", worker, re.MULTILINE)
    assert set(extras.split(",")) <= build["project"]["optional-dependencies"].keys()
    assert '"/source[receive]"' in receive
    assert all(re.search(r"^USER 10001$", text, re.MULTILINE) for text in (worker, receive))
    kept = {
        line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line[0] == "!"
    }
    packages = build["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert {package.split("/")[0] for package in packages} <= kept
    assert build["project"]["readme"] in kept


def test_the_conda_recipe_says_what_the_wheel_says() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    recipe = yaml.safe_load((DEPLOY / "conda" / "recipe.yaml").read_text())
    needed = [f"python{project['requires-python']}", *project["dependencies"]]
    assert [one.replace(" ", "") for one in recipe["requirements"]["run"]] == needed
    assert recipe["context"]["version"] == project["version"]
    assert recipe["about"]["license"] == project["license"]
    [(name, called)] = project["scripts"].items()
    assert recipe["build"]["python"]["entry_points"] == [f"{name} = {called}"]


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


SECRETS = {
    "postgres": {"STORE_PASSWORD"},
    "worker": {"STORE_PASSWORD", "OPENAI_API_KEY"},
    "receiver": {"RECEIVER_TOKEN"},
    "reader": {"STORE_PASSWORD"},
    "shipper": {"RECEIVER_TOKEN"},
    "application": {"OPENAI_API_KEY"},  # its own, where compose starts it
    "mlflow": set(),
}
"""What each of them is given, and nothing else: what it reads from others may take it over."""


def pods() -> dict[str, Any]:
    """The pods of the manifests by the name of their Deployment or StatefulSet."""
    found = by_kind()
    owners = found["Deployment"] + found["StatefulSet"]
    return {one["metadata"]["name"]: one["spec"]["template"] for one in owners}


def test_each_service_is_given_its_own_secrets() -> None:
    services = yaml.safe_load(COMPOSE.read_text())["services"]
    given = {
        name: set(re.findall(r"\$\{(\w+)", json.dumps(one.get("environment", {}))))
        for name, one in services.items()
    }
    assert {name: known - {"OPENAI_BASE_URL"} for name, known in given.items()} == SECRETS
    assert not any("env_file" in one for one in services.values())


def test_each_container_is_given_its_own_secrets() -> None:
    seen = set()
    for pod in pods().values():
        spec = pod["spec"]
        assert "secret" not in json.dumps(spec["volumes"])
        for container in [*spec.get("initContainers", ()), *spec["containers"]]:
            assert "envFrom" not in container
            references = [
                one["valueFrom"]["secretKeyRef"]
                for one in inside(container["env"])
                if isinstance(one, dict) and "valueFrom" in one
            ]
            known = {one["key"] for one in references}
            wanted = SECRETS[container["name"]] if container["name"] != "application" else set()
            assert known == wanted, container["name"]
            assert all(
                one["name"] == one["valueFrom"]["secretKeyRef"]["key"]
                for one in container["env"]
                if "valueFrom" in one
            )
            seen.add(container["name"])
    assert seen == {"worker", "receiver", "reader", "shipper", "application"}


def test_each_unit_reads_its_own_keys() -> None:
    files = {
        unit.stem: re.findall(r"^EnvironmentFile=-?(.+)$", unit.read_text(), re.M) for unit in UNITS
    }
    assert all(len(found) == 1 for found in files.values())
    assert len({found[0] for found in files.values()}) == len(UNITS)


def test_our_pods_may_do_nothing_beside_their_work() -> None:
    ours = [pods()[name]["spec"] for name in ("worker", "receiver")]
    for spec in ours:
        assert spec["automountServiceAccountToken"] is False
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not spec.get("shareProcessNamespace")
    for container in [one for spec in ours for one in spec["containers"]] + pods()["application"][
        "spec"
    ]["initContainers"]:
        context = container["securityContext"]
        assert context["allowPrivilegeEscalation"] is False
        assert context["readOnlyRootFilesystem"] is True
        assert context["capabilities"] == {"drop": ["ALL"]}


def ports_of_the_settings() -> dict[str, int]:
    """Where the settings of the manifests send: the port of each address by its place."""
    tables = tomllib.loads(settings_texts()[1])
    addresses = {
        "store": tables["store"]["url"],
        "model": tables["models"]["*"]["base_url"],
        "tracker": tables["trackers"]["mlflow"]["tracking_uri"],
    }
    usual = {"postgresql": 5432, "https": 443, "http": 80}
    parts = {name: urlsplit(address) for name, address in addresses.items()}
    return {name: one.port or usual[one.scheme] for name, one in parts.items()}


def test_policies_say_who_reaches_whom() -> None:
    policies = {one["metadata"]["name"]: one["spec"] for one in by_kind()["NetworkPolicy"]}
    asked = ports_of_the_settings()
    outwards = {"worker": set(asked.values()), "receiver": {asked["store"]}}
    inwards = {"worker": {"metrics"}, "receiver": {"otlp-http"}}
    assert policies.keys() == outwards.keys() == pods().keys() - {"application"}
    for name, policy in policies.items():
        labels = pods()[name]["metadata"]["labels"]
        selected = policy["podSelector"]["matchLabels"]
        assert selected.items() <= labels.items()
        assert not any(
            selected.items() <= other["metadata"]["labels"].items()
            for of, other in pods().items()
            if of != name
        )
        assert policy["policyTypes"] == ["Ingress", "Egress"]
        for rule in policy["ingress"]:
            assert {one["port"] for one in rule["ports"]} == inwards[name]
            assert all(one.get("podSelector") or one["namespaceSelector"] for one in rule["from"])
        served = {
            port["name"]
            for one in pods()[name]["spec"]["containers"]
            for port in one.get("ports", ())
        }
        assert inwards[name] <= served
        sent = {one["port"] for rule in policy["egress"] for one in rule["ports"]}
        assert sent == outwards[name] | {53}
        assert all(rule["to"] for rule in policy["egress"])
        blocks = [
            one["ipBlock"] for rule in policy["egress"] for one in rule["to"] if "ipBlock" in one
        ]
        assert all("169.254.0.0/16" in block["except"] for block in blocks)
    senders = policies["receiver"]["ingress"][0]["from"][0]["podSelector"]["matchLabels"]
    assert senders.items() <= pods()["application"]["metadata"]["labels"].items()


def test_hosts_of_compose_reach_neither_database_nor_tracker() -> None:
    document = yaml.safe_load(COMPOSE.read_text())
    networks = {name: set(one["networks"]) for name, one in document["services"].items()}
    assert set().union(*networks.values()) == document["networks"].keys()
    for host in ("application", "shipper", "receiver"):
        for central in ("postgres", "mlflow", "worker", "reader"):
            assert not networks[host] & networks[central]
    published = [port for one in document["services"].values() for port in one.get("ports", ())]
    assert all(port.startswith("127.0.0.1:") for port in published)


@pytest.mark.parametrize("by", ["compose", "demo"])
def test_mlflow_answers_by_its_own_names_alone(by: str, tmp_path: Path) -> None:
    # A page in a browser reaches a loopback port by a name of its own that resolves to it.
    tables = tomllib.loads(settings_texts()[0])
    command, reached = {
        "compose": (
            yaml.safe_load(COMPOSE.read_text())["services"]["mlflow"]["command"],
            urlsplit(tables["trackers"]["mlflow"]["tracking_uri"]).netloc,
        ),
        "demo": (mlflow_command(tmp_path, 4321), "127.0.0.1:4321"),
    }[by]
    assert not {"*", "--disable-security-middleware", "--cors-allowed-origins"} & set(command)
    allowed = command[command.index("--allowed-hosts") + 1].split(",")
    assert all(re.fullmatch(r"(mlflow|localhost|127\.0\.0\.1):(\*|\d+)", one) for one in allowed)
    assert any(fnmatch(reached, one) for one in allowed)


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
    with Store.open(settings) as store:
        metrics = {one.name: one.type for one in StatusCollector(store, settings).collect()}
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
