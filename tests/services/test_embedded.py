"""The embedded services, real ones: they survive kills, restarts, long paths and each other."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg2
import pytest
import redis
from minio import Minio

from workers.embedded import launcher, ports, programs, services
from workers.embedded.errors import ServiceError

ROOT = Path(__file__).parents[2]
AS_SCRIPT = "import sys; from workers.embedded import services; print(services.up(sys.argv[1]).environment())"


@pytest.fixture(scope="module")
def seed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder that has been up once, to be copied: making a new one takes seconds."""
    folder = tmp_path_factory.mktemp("seed") / "home"
    services.up(folder)
    services.down(folder)
    return folder


@pytest.fixture
def home(seed: Path, tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "home"
    subprocess.run(["cp", "-a", seed, folder], check=True)
    yield folder
    services.down(folder)


def pids(home: Path) -> dict[str, int | None]:
    return {one.name: one.pid for one in services.status(home)}


def kill(pid: int | None) -> None:
    """Like `kill -9`; returns once the process is gone, which may take it a moment."""
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    while launcher.identity(pid) is not None:
        time.sleep(0.005)


def write(endpoints: services.Endpoints) -> None:
    connection = psycopg2.connect(endpoints.database_url.replace("+psycopg2", ""))
    with connection, connection.cursor() as cursor:
        cursor.execute("create extension vector")
        cursor.execute("create table kept as select 7 as n, '[1,2,3]'::vector as v")
    connection.close()
    queue = redis.Redis.from_url(endpoints.redis_url)
    queue.rpush("kept", "message")
    queue.close()
    store = store_of(endpoints)
    store.put_object(endpoints.s3_bucket, "kept/object", io.BytesIO(b"photo"), 5)


def assert_kept(endpoints: services.Endpoints) -> None:
    connection = psycopg2.connect(endpoints.database_url.replace("+psycopg2", ""))
    with connection, connection.cursor() as cursor:
        cursor.execute("select n, v::text from kept")
        assert cursor.fetchone() == (7, "[1,2,3]")
    connection.close()
    queue = redis.Redis.from_url(endpoints.redis_url)
    assert queue.lrange("kept", 0, -1) == [b"message"]
    assert queue.config_get("appendonly")["appendonly"] == "yes"
    assert queue.config_get("maxmemory-policy")["maxmemory-policy"] == "noeviction"
    queue.close()
    answer = store_of(endpoints).get_object(endpoints.s3_bucket, "kept/object")
    assert answer.read() == b"photo"
    answer.close()
    answer.release_conn()


def store_of(endpoints: services.Endpoints) -> Minio:
    address = endpoints.s3_endpoint.removeprefix("http://")
    return Minio(
        address,
        access_key=endpoints.s3_access_key,
        secret_key=endpoints.s3_secret_key,
        secure=False,
        region="us-east-1",
    )


def test_up_twice_changes_nothing(home: Path) -> None:
    shutil.rmtree(home)  # so the first time is a very first one
    first = services.up(home)
    before = pids(home)
    assert services.up(home) == first
    assert pids(home) == before
    assert [one.state for one in services.status(home)] == ["running"] * 3
    lines = (home / "services.env").read_text().splitlines()
    assert dict(line.split("=", 1) for line in lines) == first.environment()
    for secret in (home / "services.env", home / "state.json"):
        assert secret.stat().st_mode & 0o777 == 0o600
    shown = " ".join(str(one.url_without_secret) for one in services.status(home))
    assert not any(
        secret in shown for secret in json.loads((home / "state.json").read_text())["secrets"].values()
    )
    assert len(first.s3_access_key) >= 20
    assert len(first.s3_secret_key) >= 20


def test_secrets_are_no_arguments_and_lie_in_private_files(home: Path) -> None:
    services.up(home)
    secrets = [one.encode() for one in json.loads((home / "state.json").read_text())["secrets"].values()]
    for pid in pids(home).values():
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes()
        assert arguments
        assert not any(secret in arguments for secret in secrets)
    files = [path for path in home.rglob("*") if path.is_file() and path.stat().st_size < 1_000_000]
    holding = {path for path in files if any(secret in path.read_bytes() for secret in secrets)}
    assert {path.name for path in holding} >= {"state.json", "services.env", "redis.conf"}
    private = [*holding, *(home / "logs").iterdir()]
    assert not [path for path in private if path.stat().st_mode & 0o077]


def test_down_keeps_the_data_and_leaves_no_process(home: Path) -> None:
    write(services.up(home))
    running = pids(home)
    postgres = running["postgres"]
    children = [
        entry.parent.name for entry in Path("/proc").glob("[0-9]*/stat") if parent_of(entry) == postgres
    ]
    assert services.down(home) == ["postgres", "redis", "s3"]
    assert children
    assert not any(launcher.identity(int(pid or 0)) for pid in [*running.values(), *children])
    assert services.down(home) == []
    assert [one.state for one in services.status(home)] == ["stopped"] * 3
    assert_kept(services.up(home))


def parent_of(stat: Path) -> int | None:
    try:
        return int(stat.read_text(errors="replace").rpartition(")")[2].split()[1])
    except OSError:
        return None


def test_killed_services_come_back_with_their_data(home: Path) -> None:
    endpoints = services.up(home)
    write(endpoints)
    for name, pid in pids(home).items():
        kill(pid)
        survivors = {other: number for other, number in pids(home).items() if other != name}
        again = services.up(home)
        assert again == endpoints
        assert_kept(again)
        assert {other: number for other, number in pids(home).items() if other != name} == survivors
    for pid in pids(home).values():
        kill(pid)
    assert_kept(services.up(home))


def test_two_ups_at_once(home: Path) -> None:
    def start() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", AS_SCRIPT, str(home)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: start(), range(2))
    assert first.returncode == 0, first.stderr
    assert first.stdout == second.stdout
    assert [one.state for one in services.status(home)] == ["running"] * 3
    for name in ("postgres", "redis", "s3"):  # once to make the seed, once here
        log = (home / "logs" / f"{name}.log").read_text()
        assert (
            max(map(log.count, ("ready to accept connections", "Ready to accept", "Starting s3 server"))) == 2
        )


def test_a_stranger_with_an_old_pid_is_left_alone(home: Path) -> None:
    services.up(home)
    for pid in pids(home).values():
        kill(pid)
    with subprocess.Popen(["sleep", "60"]) as stranger:
        for record in (home / "run").glob("*.json"):
            record.write_text(json.dumps({"pid": stranger.pid, "identity": "another boot:1"}))
        lock = home / "postgres" / "postmaster.pid"
        lock.write_text("\n".join([str(stranger.pid), *lock.read_text().splitlines()[1:]]) + "\n")
        services.up(home)
        services.down(home)
        assert stranger.poll() is None
        stranger.kill()


def test_a_long_path_with_blanks_and_letters_of_all_kinds(tmp_path: Path) -> None:
    home = tmp_path / ("long " * 40).strip() / "'über\" $HOME 商品"
    try:
        write(services.up(home))
        services.down(home)
        assert_kept(services.up(home))
    finally:
        services.down(home)


def test_a_taken_port_is_given_up(home: Path) -> None:
    services.up(home)
    services.down(home)
    taken = json.loads((home / "state.json").read_text())["ports"]["redis"]
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind((ports.LOOPBACK, taken))
        other.listen()
        endpoints = services.up(home)
        assert f":{taken}/" not in endpoints.redis_url
        assert endpoints.redis_url in (home / "services.env").read_text()


def test_the_log_is_shown_when_a_server_does_not_start(home: Path) -> None:
    services.up(home)
    services.down(home)
    (home / "redis" / "appendonly.aof").write_text("this is no command\r\n" * 3)
    shutil.rmtree(home / "redis" / "appendonlydir", ignore_errors=True)
    if programs.major_version(programs.redis_server()) >= 7:
        pytest.skip("later servers keep their file elsewhere")
    with pytest.raises(ServiceError, match=r"redis ended(.|\n)*Bad file format(.|\n)*redis\.log"):
        services.up(home)
    assert [one.state for one in services.status(home)] == ["running", "stopped", "running"]


def test_a_port_that_a_stranger_takes_meanwhile_is_given_up(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The port was free when it was chosen; when Redis wants it, somebody else's Redis answers there."""
    choose, taken = ports.choose, ports.choose(None, 26000)
    stranger = subprocess.Popen(
        [programs.redis_server(), "--port", str(taken), "--requirepass", "another", "--save", ""],
        stdout=subprocess.DEVNULL,
    )

    def choose_the_taken_one_first(remembered: int | None, base: int, span: int = 400) -> int:
        if base == 16379 and not chosen:
            chosen.append(taken)
            return taken
        return choose(remembered, base, span)

    chosen: list[int] = []
    monkeypatch.setattr(ports, "choose", choose_the_taken_one_first)
    try:
        while ports.is_free(taken):
            time.sleep(0.01)
        endpoints = services.up(home)
        with redis.Redis.from_url(endpoints.redis_url) as client:
            assert client.ping()
    finally:
        stranger.kill()
        stranger.wait()
    assert chosen == [taken]
    assert f":{taken}/" not in endpoints.redis_url
