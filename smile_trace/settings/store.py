"""Where the store is: `[store]`."""

import os
import re
from urllib.parse import quote, urlsplit

from pydantic import field_validator

from smile_trace.settings.table import Table


class StoreSettings(Table):
    """Where the store is: in the home, or in a PostgreSQL database that many workers share."""

    url: str | None = None
    """The address of a PostgreSQL database (14 or newer), `postgresql://role@host:5432/name`, with
    `?sslmode=verify-full` and the like behind it; without it the store is a file in the home. A
    password does not stand in it: it is read from `password_env`, or from libpq's own files and
    variables (`~/.pgpass`, `PGSERVICE`)."""
    password_env: str | None = None
    """The environment variable that holds the role's password."""

    @field_validator("url")
    @classmethod
    def _of_a_database(cls, url: str | None) -> str | None:
        if url is None:
            return None
        if not re.match(r"postgres(ql)?://", url):
            raise ValueError("write it like postgresql://role@host:5432/name")
        try:
            said = urlsplit(url)
            has_password = said.password is not None or re.search(r"[?&]password=", url)
        except ValueError:
            raise ValueError("write it like postgresql://role@host:5432/name") from None
        if has_password:
            raise ValueError(
                "a password does not stand in it: set password_env to the name of a variable that "
                "holds it"
            )
        return url.replace("postgres://", "postgresql://", 1)

    def connection(self) -> str | None:
        """The address with the password, for whoever connects; None where the store is a file.

        Raises:
            ValueError: the variable of `password_env` is not set.
        """
        if self.url is None or self.password_env is None:
            return self.url
        password = os.environ.get(self.password_env)
        if not password:
            raise ValueError(f"set {self.password_env}, which is to hold the store's password")
        role, at, rest = self.url.partition("://")[2].partition("@")
        if not at:
            raise ValueError("name the role in store.url: postgresql://role@host:5432/name")
        return f"postgresql://{role}:{quote(password, safe='')}@{rest}"
