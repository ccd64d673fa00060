"""The fixtures of a store."""

from tests.support.stores import settings as settings
from tests.support.stores import store as store
