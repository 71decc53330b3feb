"""TLS to each service, by the settings that docs/operations.md names: whoever cannot prove its name is told nothing.

Neither the embedded Postgres nor the embedded Redis is built with TLS. So the real servers stand behind a proxy that
ends TLS as theirs would; the S3 server speaks it itself. The certificates are made here, by a CA of this test's own.
"""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa
from redis import Redis
from redis.exceptions import RedisError

from catalog.asset_store import S3AssetStore
from catalog.errors import StoreError
from tests.acceptance.test_serve import free_port
from workers.embedded import programs
from workers.runtime import Runtime
from workers.settings import Settings

_SSL_REQUEST = bytes.fromhex("0000000804d2162f")  # what a Postgres client says before TLS


@dataclass(frozen=True, slots=True)
class Authority:
    """A CA, a certificate of `localhost` that it signed, and that one's key."""

    ca: Path
    certificate: Path
    key: Path


@pytest.fixture(scope="module")
def authorities(tmp_path_factory: pytest.TempPathFactory) -> tuple[Authority, Authority]:
    """One that is trusted, and a stranger."""
    ours, theirs = (_authority(tmp_path_factory.mktemp(name)) for name in ("ours", "theirs"))
    return ours, theirs


def _authority(folder: Path) -> Authority:
    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    new = ("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2")
    signed = ("-CA", "ca.pem", "-CAkey", "ca.key", "-addext", "basicConstraints=critical,CA:FALSE")
    openssl(*new, "-subj", "/CN=A test", "-keyout", "ca.key", "-out", "ca.pem")
    names = ("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost")
    openssl(*new, *names, *signed, "-keyout", "server.key", "-out", "server.pem")
    return Authority(folder / "ca.pem", folder / "server.pem", folder / "server.key")


Front = Callable[[Authority, int, bool], int]


@pytest.fixture
def front() -> Iterator[Front]:
    """Ends TLS before a port of this machine, on a port of its own."""
    opened: list[socket.socket] = []

    def begin(of: Authority, port: int, postgres: bool) -> int:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(of.certificate, of.key)
        listening = socket.create_server(("127.0.0.1", 0))
        opened.append(listening)

        def serve() -> None:
            with suppress(OSError):
                while True:
                    client, _ = listening.accept()
                    threading.Thread(target=answer, args=(client,), daemon=True).start()

        def answer(client: socket.socket) -> None:
            with suppress(OSError), client:
                if postgres and client.recv(8) == _SSL_REQUEST:
                    client.sendall(b"S")
                with (
                    context.wrap_socket(client, server_side=True) as inside,
                    socket.create_connection(("127.0.0.1", port)) as server,
                ):
                    threading.Thread(target=_pump, args=(server, inside), daemon=True).start()
                    _pump(inside, server)

        threading.Thread(target=serve, daemon=True).start()
        return int(listening.getsockname()[1])

    yield begin
    for listening in opened:
        listening.close()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while part := source.recv(65536):
            target.sendall(part)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def test_postgres_is_asked_by_a_name_that_it_proves(
    tagmill_environment: dict[str, str], authorities: tuple[Authority, Authority], front: Front
) -> None:
    ours, theirs = authorities
    url = sa.make_url(tagmill_environment["TAGMILL_DATABASE_URL"])
    port = front(ours, url.port or 0, True)

    def ask(host: str, ca: Path) -> object:
        told = url.set(host=host, port=port, query={"sslmode": "verify-full", "sslrootcert": str(ca)})
        engine = Runtime(Settings(database_url=told.render_as_string(hide_password=False))).engine  # type: ignore[arg-type]
        with engine.connect() as connection:
            raw = connection.connection.dbapi_connection
            assert raw is not None
            found = raw.info.ssl_in_use  # type: ignore[attr-defined]
        engine.dispose()
        return found

    assert ask("localhost", ours.ca) is True
    for host, ca in (("127.0.0.1", ours.ca), ("localhost", theirs.ca)):
        with pytest.raises(sa.exc.OperationalError, match=r"certificate"):
            ask(host, ca)


def test_redis_is_asked_by_a_name_that_it_proves(
    tagmill_environment: dict[str, str], authorities: tuple[Authority, Authority], front: Front
) -> None:
    from workers.celery_app import Tagmill, configure

    ours, theirs = authorities
    url = tagmill_environment["TAGMILL_REDIS_URL"]
    begin, _, rest = url.replace("redis://", "rediss://").partition("@")
    port = front(ours, int(rest.partition(":")[2].partition("/")[0]), False)

    def told(host: str, ca: Path) -> str:
        return f"{begin}@{host}:{port}/0?ssl_cert_reqs=required&ssl_ca_certs={ca}"

    with Redis.from_url(told("localhost", ours.ca)) as redis:
        assert redis.ping()
    configured = configure(Tagmill("tls"), Settings(redis_url=told("localhost", ours.ca)))  # type: ignore[arg-type]
    with configured.connection_for_write() as connection:
        connection.ensure_connection(max_retries=1)
        assert connection.default_channel.client.ping()
    for host, ca in (("127.0.0.1", ours.ca), ("localhost", theirs.ca)):
        with pytest.raises(RedisError, match=r"certificate"), Redis.from_url(told(host, ca)) as redis:
            redis.ping()


def test_the_store_is_asked_by_a_name_that_it_proves(
    authorities: tuple[Authority, Authority], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = authorities
    port = free_port()
    argv = [str(programs.rclone()), "serve", "s3", str(tmp_path), f"--addr=127.0.0.1:{port}", "--config="]
    argv += ["--auth-key=access,secretkey", f"--cert={ours.certificate}", f"--key={ours.key}"]
    server = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def ask(host: str, ca: Path) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", str(ca))
        store = S3AssetStore.connect(
            f"https://{host}:{port}", "access", "secretkey", "photos", retries=0, connect_timeout=2
        )
        store.ensure_bucket()
        store.put("images/a", b"x", "image/png")

    try:
        for _ in range(100):
            with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.05)
        ask("localhost", ours.ca)
        for host, ca in (("127.0.0.1", ours.ca), ("localhost", theirs.ca)):
            with pytest.raises(StoreError):
                ask(host, ca)
    finally:
        server.terminate()
        server.wait(10)
