"""What a server may name: the one policy before every address out of a reply or a record."""

import asyncio
import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from smile_trace._guards.addresses import (
    AddressPolicy,
    AddressRefused,
    Reach,
    folders,
    reach_of,
    stored_at,
)
from smile_trace.errors import ReasonCode
from smile_trace.trackers.http import _guard

NAMES = {
    "tracker.example": "93.184.216.34",
    "inside.example": "10.1.2.3",
    "localhost": "127.0.0.1",
    "storage.example": "93.184.216.35",
    "rebound.example": "127.0.0.1",
    "metadata.example": "169.254.169.254",
    "minio.example": "10.1.2.4",
}


@pytest.fixture(autouse=True)
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What names resolve to; other texts as the system reads them, without asking anybody."""
    known, right = dict(NAMES), socket.getaddrinfo

    def getaddrinfo(host: Any, port: Any, *args: Any, **options: Any) -> Any:
        if host in known:
            host = known[host]
        elif any(c.isalpha() and c not in "abcdefx" for c in str(host)):
            raise socket.gaierror(f"{host} is unknown")
        return right(host, port, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return known


@pytest.mark.parametrize(
    ("address", "reach"),
    [
        ("8.8.8.8", Reach.PUBLIC),
        ("2606:4700::1", Reach.PUBLIC),
        ("::ffff:8.8.8.8", Reach.PUBLIC),
        ("64:ff9b::808:808", Reach.PUBLIC),
        ("10.0.0.1", Reach.PRIVATE),
        ("100.64.0.1", Reach.PRIVATE),
        ("fd12::1", Reach.PRIVATE),
        ("fec0::1", Reach.PRIVATE),
        ("127.8.0.1", Reach.LOOPBACK),
        ("0.0.0.0", Reach.LOOPBACK),
        ("::", Reach.LOOPBACK),
        ("::1", Reach.LOOPBACK),
        ("::ffff:127.0.0.1", Reach.LOOPBACK),
        ("::7f00:1", Reach.LOOPBACK),
        ("64:ff9b::7f00:1", Reach.LOOPBACK),
        ("::ffff:0:7f00:1", Reach.LOOPBACK),
        ("2002:7f00:1::", Reach.LOOPBACK),
        ("169.254.169.254", Reach.NEVER),
        ("::ffff:169.254.169.254", Reach.NEVER),
        ("fe80::1%eth0", Reach.NEVER),
        ("fd00:ec2::254", Reach.NEVER),
        ("100.100.100.200", Reach.NEVER),
        ("168.63.129.16", Reach.NEVER),
        ("239.0.0.1", Reach.NEVER),
    ],
)
def test_an_ip_address_is_as_near_as_what_is_in_it(address: str, reach: Reach) -> None:
    assert reach_of(address) is reach


PUBLIC, INSIDE, HERE = "https://tracker.example", "http://inside.example", "http://localhost:3000"


@pytest.mark.parametrize(
    ("own", "named"),
    [
        (PUBLIC, "https://storage.example/bucket/x?X-Amz-Signature=1"),
        (PUBLIC, "https://tracker.example:9000/x"),
        (INSIDE, "http://minio.example:9000/x"),
        (INSIDE, "https://storage.example/x"),
        (HERE, "http://127.0.0.1:9000/x"),
        (HERE, "http://[::1]:9000/x"),
        (HERE, "http://minio.example/x"),
        (PUBLIC, "https://known-to-the-proxy.example/x"),
    ],
)
def test_a_storage_may_be_named(own: str, named: str) -> None:
    AddressPolicy(own).storage(named)


@pytest.mark.parametrize(
    "named",
    [
        "https://127.0.0.1/x",
        "https://127.1/x",
        "https://0x7f.1/x",
        "https://2130706433/x",
        "https://0/x",
        "https://[::1]/x",
        "https://[::ffff:127.0.0.1]/x",
        "https://localhost/x",
        "HTTPS://LOCALHOST/x".lower().replace("https", "HTTPS"),
        "https://rebound.example/x",
        "https://metadata.example/x",
        "https://169.254.169.254/latest",
        "https://10.1.2.4/x",
        "https://minio.example/x",
        "http://storage.example/x",
        "https://user@storage.example/x",
        "https://tracker.example\\@127.0.0.1/x",
        "https://tracker.example:443@127.0.0.1/x",
        "https:\\\\127.0.0.1/x",
        "https:///127.0.0.1/x",
        "//127.0.0.1/x",
        "/x",
        "file:///etc/passwd",
        "ftp://storage.example/x",
        " https://storage.example/x",
        "https://storage.example\n.evil/x",
        "https://ⓢtorage.example/x",
        "https://127。0。0。1/x",
        "https://storage.example:99999999/x",
        "",
    ],
)
def test_nothing_nearer_than_the_server_is_named(named: str) -> None:
    with pytest.raises(AddressRefused) as refused:
        AddressPolicy(PUBLIC).storage(named)
    assert refused.value.code is ReasonCode.ADDRESS_REFUSED
    assert str(refused.value).isprintable()


@pytest.mark.parametrize("own", [PUBLIC.replace("https", "http"), INSIDE, HERE])
def test_where_clouds_keep_credentials_is_never_named(own: str) -> None:
    with pytest.raises(AddressRefused):
        AddressPolicy(own).storage("http://metadata.example/latest/meta-data/")


def test_a_private_server_does_not_name_loopback() -> None:
    with pytest.raises(AddressRefused):
        AddressPolicy(INSIDE).storage("http://127.0.0.1:6379/")


def test_a_server_whose_name_moves_inwards_gains_nothing(names: dict[str, str]) -> None:
    policy = AddressPolicy("http://tracker.example")
    with pytest.raises(AddressRefused):
        policy.storage("http://10.1.2.4/x")
    names["tracker.example"] = "127.0.0.1"
    for named in ("http://10.1.2.4/x", "http://tracker.example/x"):
        with pytest.raises(AddressRefused):
            policy.storage(named)


@pytest.mark.parametrize(
    "named",
    [
        "https://tracker.example.evil.example/x",
        "https://tracker.example:444/x",
        "http://tracker.example/x",
        "https://tracker.example./x",
        "https://x@tracker.example/x",
        "https://tracker.example\\@evil.example/x",
        "//tracker.example/x",
        "https://TRACKER.EXAMPLE@evil.example",
    ],
)
def test_our_key_goes_to_its_own_server_alone(named: str) -> None:
    AddressPolicy(PUBLIC).own_server("https://TRACKER.example:443/x?y#z")
    with pytest.raises(AddressRefused):
        AddressPolicy(PUBLIC).own_server(named)


@pytest.mark.parametrize("path", ["", "/", "/1/a b/é/x%20y", "1/traces/tr-1/artifacts/"])
def test_a_plain_path_is_its_folders(path: str) -> None:
    assert folders(path) == tuple(part for part in path.split("/") if part)


@pytest.mark.parametrize(
    "path",
    [
        *("..", "/1/../2", "/1/./2", "/1//2", "/1/%2e%2e/2", "/1/%2E./2", "/1/%252e%252e/2"),
        *("/1%2f..%2f2", "/1%5c..%5c2", "/1\\..\\2", "/1/x?y", "/1/x#y", "/1/x;y", "/1/%00"),
        *("/1/ ../2", "/1/\n", "/1/%252525252525252525252525252e/2"),
    ],
)
def test_a_path_that_may_lead_elsewhere_is_refused(path: str) -> None:
    with pytest.raises(AddressRefused):
        folders(path)


def test_a_place_in_a_storage() -> None:
    assert stored_at("s3://bucket/a/b") == ("s3", "bucket", "a", "b")
    assert stored_at("abfss://f@account.dfs.core.windows.net/a")[2:] == ("a",)


@pytest.mark.parametrize(
    "location",
    [
        *(
            "file:///tmp",
            "FILE:///tmp",
            "file:/tmp",
            "/tmp",
            "tmp",
            "",
            "C:/x",
            "c:\\x",
            "sqlite:///x",
        ),
        *("runs:/1/x", "models:/m/1", "dbfs:/x", "dbfs://profile@databricks/x", "ftp://h/x"),
        *("sftp://h/x", "hdfs://h/x", "viewfs://h/x", "S3://bucket/a", "s3:/bucket", "s3:///a"),
        *("s3://user@bucket/a", "abfss://f@evil.example/a", "wasbs://c@evil.example/a"),
        *("abfss://f@a.dfs.core.windows.net.evil.example/a", "r2://b@evil.example/a"),
        *("abfss://f@evil.example#.dfs.core.windows.net/a", "s3://bucket/../other"),
        *("mlflow-artifacts:/x", "http://h/x", "data:,x", "\ns3://bucket/a", "s3://bucket\n/a"),
    ],
)
def test_every_other_place_is_refused(location: str) -> None:
    with pytest.raises(AddressRefused):
        stored_at(location)


class Listening:
    """Where a rebound name leads: what is sent there is kept."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])

    def sent(self) -> bytes:
        """What one client has sent, if one came."""
        self._listener.settimeout(0.2)
        try:
            client, _ = self._listener.accept()
        except TimeoutError:
            return b""
        with client:
            client.settimeout(0.2)
            try:
                return client.recv(100)
            except TimeoutError:
                return b""


@pytest.fixture
def here() -> Iterator[Listening]:
    made = Listening()
    yield made
    made._listener.close()


def test_httpx_connects_to_no_other_address_than_was_checked(here: Listening) -> None:
    async def put() -> None:
        async with httpx.AsyncClient(trust_env=False) as client:
            _guard(client, AddressPolicy(PUBLIC))
            await client.put(f"http://rebound.example:{here.port}/x", content=b"secret")

    with pytest.raises(AddressRefused):
        asyncio.run(put())
    assert here.sent() == b""
