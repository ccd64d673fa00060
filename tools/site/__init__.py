"""The documentation site: the repository's pages, in one folder that any browser opens."""
