"""The policy for addresses that another program names: uploads, redirects, places of files.

An address in a reply or record is only its writer's wish. It must pass an `AddressPolicy`,
which knows one server that the settings name. Only forms that every parser reads alike are
compared.
"""

import re
import socket
from enum import IntEnum
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import unquote, urlsplit

from smile_trace._guards.bounded_http import same_server
from smile_trace.errors import ReasonCode, SmileTraceError

_HTTP = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(?::(?P<port>[0-9]{1,5}))?"
    r"(?=[/?#]|$)[^\x00-\x20\x7f-\x9f\\]*",
    re.IGNORECASE | re.ASCII,
)
"""No user, backslash, white space, or letters beyond ASCII in the host."""

_STORAGES = {
    "s3": r"[A-Za-z0-9._-]+",
    "gs": r"[A-Za-z0-9._-]+",
    "wasbs": r"[a-z0-9$-]+@[a-z0-9]+\.blob\.core\.(windows\.net|chinacloudapi\.cn)",
    "abfss": r"[a-z0-9$-]+@[a-z0-9]+\.dfs\.core\.(windows\.net|chinacloudapi\.cn)",
    "r2": r"[A-Za-z0-9.-]+@[0-9a-f]+(\.eu|\.fedramp)?\.r2\.cloudflarestorage\.com",
    "b2": r"[A-Za-z0-9.-]+@s3\.[a-z0-9-]+\.backblazeb2\.com",
}
"""The form of a bucket or container, by scheme. A host in it gets credentials, so its domain is the
provider's."""
_UNPLAIN = re.compile(r"[\x00-\x1f\x7f-\x9f\\?#;]")


class AddressRefused(SmileTraceError):
    """An address that is not asked; the message says why."""

    code = ReasonCode.ADDRESS_REFUSED


class Reach(IntEnum):
    """The networks from which an address can be reached."""

    PUBLIC = 0
    PRIVATE = 1
    LOOPBACK = 2
    NEVER = 3
    """Link-local, multicast, and the addresses where clouds tell machines their credentials."""


_NEVER = [
    ip_network(network)
    for network in (
        *("169.254.0.0/16", "fe80::/10", "224.0.0.0/4", "ff00::/8", "240.0.0.0/4"),
        *("100.100.100.200/32", "168.63.129.16/32", "192.0.0.192/32", "fd00:ec2::/32"),
        *("fd20:ce::254/128",),
    )
]
_LOOPBACK = [ip_network(network) for network in ("127.0.0.0/8", "0.0.0.0/8", "::/127")]
_NAT64 = [
    ip_network(network)
    for network in ("64:ff9b::/96", "64:ff9b:1::/48", "::ffff:0:0:0/96", "::/96")
]
"""IPv6 that stands for the IPv4 address in its last 32 bits."""


class AddressPolicy:
    """The addresses that a server of the settings, `own`, may name for us to ask."""

    def __init__(self, own: str) -> None:
        self.own = own
        self._reach = Reach.LOOPBACK
        """The least its name ever resolved to, so that a name that moves inwards gains nothing."""

    def own_server(self, address: str) -> None:
        """Raise AddressRefused if a request with our credentials would go to another server."""
        if not (_HTTP.fullmatch(address) and same_server(self.own, address)):
            raise AddressRefused(
                f"{_shown(address)} is on another server, which our key is not sent to"
            )

    def storage(self, address: str) -> None:
        """Check a signed address of a storage, asked without our credentials (whoever connects
        checks the `peers`, too). Raises AddressRefused if it is not http(s), http for a server on
        https, or nearer than that."""
        parts = _HTTP.fullmatch(address)
        if parts is None:
            raise AddressRefused(f"{_shown(address)} is not a plain http(s) address")
        if parts["scheme"].lower() == "http" and not self.own.lower().startswith("http:"):
            raise AddressRefused(
                f"{_shown(address)} is not encrypted, although the server itself is"
            )
        host = parts["host"].strip("[]")
        port = int(parts["port"] or (80 if parts["scheme"].lower() == "http" else 443))
        try:
            self.peers(host, port)
        except OSError:
            return  # a proxy may know that name; without one there will be no connection either

    def peers(self, host: str, port: int) -> list[str]:
        """The IP addresses of a host, all of which may be connected to. Raises AddressRefused: one
        of them is nearer to us than the server is; OSError if nobody knows the host."""
        peers = _resolved(host, port)
        for peer in peers:
            self.peer(peer, host)
        return peers

    def peer(self, address: str, host: str) -> None:
        """Raise AddressRefused if an IP address reached for a host is nearer than the server."""
        reach = reach_of(address)
        if reach is Reach.PUBLIC or (reach is not Reach.NEVER and reach <= self._own_reach()):
            return
        raise AddressRefused(
            f"{host} is {address}, in a network that {self._own_host()} may not refer to: a "
            "server may name public addresses, and private or loopback ones only if it is in "
            "such a network itself"
        )

    def _own_host(self) -> str:
        return urlsplit(self.own).hostname or ""

    def _own_reach(self) -> Reach:
        try:
            own = min(reach_of(peer) for peer in _resolved(self._own_host(), 80))
        except (OSError, ValueError):
            return Reach.PUBLIC
        self._reach = min(self._reach, own)
        return self._reach


def reach_of(address: str) -> Reach:
    """The networks an IP address can be reached from; the nearer of it and one embedded in it."""
    ip = ip_address(address.partition("%")[0])
    inner = _inner(ip)
    return max([_reach(ip), *([] if inner is None else [reach_of(str(inner))])])


def _reach(ip: IPv4Address | IPv6Address) -> Reach:
    if any(ip in network for network in _LOOPBACK):
        return Reach.LOOPBACK
    if any(ip in network for network in _NEVER):
        return Reach.NEVER
    near = ip.is_private or not ip.is_global or getattr(ip, "is_site_local", False)
    return Reach.PRIVATE if near and _inner(ip) is None else Reach.PUBLIC


def _inner(ip: IPv4Address | IPv6Address) -> IPv4Address | None:
    if not isinstance(ip, IPv6Address) or ip in _LOOPBACK[2]:
        return None
    if any(ip in network for network in _NAT64):
        return IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)


def _resolved(host: str, port: int) -> list[str]:
    """The IP addresses of a host, as a connection would find them."""
    entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in entries))


def stored_at(location: str) -> tuple[str, ...]:
    """Scheme, bucket and folders of a place in an object storage. Raises AddressRefused if the
    storage is unknown, or the path is not plain."""
    scheme, found, rest = location.partition("://")
    bucket, _, path = rest.partition("/")
    written = _STORAGES.get(scheme)
    if not found or written is None or not re.fullmatch(written, bucket):
        raise AddressRefused(
            f"{_shown(location)} is neither on the server itself nor in a known storage "
            f"({', '.join(_STORAGES)})"
        )
    return (scheme, bucket, *folders(path))


def folders(path: str) -> tuple[str, ...]:
    """The folders of a path that leads nowhere else, however often it is decoded. Raises
    AddressRefused if it has a `..`, an empty folder, a backslash, a query or a fragment."""
    read = path
    for _ in range(10):
        parts = read.strip("/").split("/") if read.strip("/") else []
        if _UNPLAIN.search(read) or any(part.strip() in ("", ".", "..") for part in parts):
            break
        if (decoded := unquote(read, errors="replace")) == read:
            return tuple(path.strip("/").split("/")) if path.strip("/") else ()
        if decoded.count("/") != read.count("/"):
            break
        read = decoded
    raise AddressRefused(
        f"the path {_shown(path)} is not plain: it has empty parts, '..', '?' or the like"
    )


def _shown(address: str) -> str:
    """The beginning of an address, without its signature and control characters."""
    bare = re.split(r"[?#]", address, maxsplit=1)[0]
    shown = "".join(c if c.isprintable() else "?" for c in re.sub(r"//[^/]*@", "//", bare))
    return repr(shown[:100] + ("…" if len(shown) > 100 else ""))


def is_loopback(host: str) -> bool:
    """Whether the host, an IP address or a name, is this machine and no other.

    A name under `localhost` may be anywhere, so it does not count; IPv6 may have brackets.
    """
    try:
        address = ip_address(host.strip("[]"))
    except ValueError:
        return host.lower() == "localhost"
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback
