"""Alembic's view of the migrations."""

from alembic.config import Config
from alembic.script import ScriptDirectory


def our_config() -> Config:
    """The configuration that finds them."""
    config = Config()
    config.set_main_option("script_location", "smile_trace.store:migrations")
    return config


def known_revisions(config: Config) -> set[str]:
    """All revisions of this release."""
    script = ScriptDirectory.from_config(config)
    return {revision.revision for revision in script.walk_revisions()}
