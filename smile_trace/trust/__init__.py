"""The hosts to which a settings file sends prompts and keys, and whether this user has allowed it.

A key of the environment goes without a question to its provider's own host, to this machine, and to
the address that the environment names for it. Any other host that a file names is allowed once, by
the person, and kept in the home's `trusted.json`. What arguments and `SMILE_TRACE_…` variables say
is the person's own word, and so is a file in the home: who could write there could allow anything.
A file of root's, read by another user, is its administrator's word.

Standard library only, because the shipper asks here, too.
"""

from smile_trace.trust.decision import NotTrusted, allow, allowed, check, described, to_allow
from smile_trace.trust.destinations import ACCOUNTS, Account, Destination, destinations

__all__ = [
    "ACCOUNTS",
    "Account",
    "Destination",
    "NotTrusted",
    "allow",
    "allowed",
    "check",
    "described",
    "destinations",
    "to_allow",
]
