"""The wheel in empty environments, one per extra: `make check-installs`."""
