"""What a Comet server remembers of an experiment; an LLM trace is one too."""

import uuid
from dataclasses import dataclass, field
from typing import Literal

from smile_trace.records import JSON

KnownIds = Literal["overwrite", "reject", "duplicate"]
"""What a second experiment of the same key does: replaces the first (and all that was logged
to it), is rejected, or is kept beside it."""


@dataclass
class Asset:
    """One file of an experiment."""

    name: str
    type: str
    content: bytes
    id: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def summary(self) -> dict[str, JSON]:
        """Its entry in the list of assets."""
        return {
            "assetId": self.id,
            "fileName": self.name,
            "fileSize": len(self.content),
            "type": self.type,
            "dir": "others",
            "metadata": None,
            "step": None,
            "createdAt": 0,
        }


@dataclass
class Experiment:
    """One experiment. `metrics` keeps every value ever logged, the newest last."""

    key: str
    workspace: str
    project: str
    type: Literal["LLM", "EXPERIMENT"]
    parameters: dict[str, JSON] = field(default_factory=dict)
    metrics: dict[str, list[JSON]] = field(default_factory=dict)
    others: dict[str, JSON] = field(default_factory=dict)
    tags: set[str] = field(default_factory=set)
    assets: list[Asset] = field(default_factory=list)
    html: str = ""
    running: bool = False

    @property
    def metadata(self) -> dict[str, JSON]:
        """The answer of `experiment/metadata`."""
        return {
            "archived": False,
            "durationMillis": 0,
            "endTimeMillis": 0,
            "experimentKey": self.key,
            "experimentName": self.others.get("Name"),
            "fileName": None,
            "filePath": None,
            "optimizationId": None,
            "projectId": f"{self.workspace}/{self.project}",
            "projectName": self.project,
            "running": self.running,
            "startTimeMillis": 0,
            "throttle": False,
            "workspaceName": self.workspace,
        }

    def named(self, name: str) -> list[Asset]:
        """The assets of that name: one, where nothing went wrong."""
        return [asset for asset in self.assets if asset.name == name]

    def asset(self, name: str) -> bytes:
        """The content of the only asset of that name.

        Raises:
            ValueError: there is none, or more than one.
        """
        (asset,) = self.named(name)
        return asset.content

    def put(self, asset: Asset, *, overwrite: bool) -> None:
        """Add an asset; with `overwrite`, in place of those of the same name."""
        if overwrite:
            self.assets = [kept for kept in self.assets if kept.name != asset.name]
        self.assets.append(asset)
