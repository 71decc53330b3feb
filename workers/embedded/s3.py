"""An S3 server over a folder: `rclone serve s3`. Buckets are folders of `home/s3`, objects plain files."""

from __future__ import annotations

import http.client
import signal
from dataclasses import dataclass
from pathlib import Path

from workers.embedded import programs
from workers.embedded.account import Account
from workers.embedded.home import Home
from workers.embedded.ports import LOOPBACK
from workers.embedded.process import Command

BUCKET = "tagmill"


@dataclass(frozen=True, slots=True)
class S3:
    """The server's folder is `home/s3`. The bucket is made here, as a folder."""

    home: Home
    account: Account
    access_key: str
    secret_key: str
    name: str = "s3"
    base_port: int = 19000
    ready_seconds: float = 60.0
    stop_signals: tuple[tuple[signal.Signals, float], ...] = ((signal.SIGTERM, 10.0), (signal.SIGKILL, 10.0))

    def program(self) -> Path:
        return programs.rclone()

    def prepare(self) -> None:
        data = self.home.data(self.name)
        self.account.owns(data)
        self.account.owns(data / BUCKET)

    def command(self, port: int) -> Command:
        data = self.home.data(self.name)
        argv = [str(self.program()), "serve", "s3", ".", f"--addr={LOOPBACK}:{port}"]
        # The user's own rclone configuration has no say here.
        argv += ["--config=", "--log-level=NOTICE"]
        # Keys are hashes of the content, so an ETag need not be one; hashing would read each file again.
        argv += ["--etag-hash=", "--no-checksum"]
        # Photos are small: the usual 16 MiB a open file would only cost memory.
        argv += ["--buffer-size=0", "--vfs-cache-mode=off"]
        # Two writers of one key at once can make rclone lose sight of an object that is on the disk. It looks again
        # once its view of a folder is this old. (0s, no view at all, makes it crawl.)
        argv += ["--dir-cache-time=1s"]
        # Quoted, since rclone reads the variable as a list of values between commas.
        env = {"RCLONE_AUTH_KEY": f'"{self.access_key},{self.secret_key}"'}
        # It holds little memory, so Go's collector would run after every few requests: a sixth of its time.
        env["GOGC"] = "400"
        return Command(argv, data, self.account, env=env)

    def is_ready(self, port: int) -> bool:
        connection = http.client.HTTPConnection(LOOPBACK, port, timeout=5)
        try:
            connection.request("GET", "/")
            # Without a signature it refuses, which is an answer too.
            return connection.getresponse().status < 500
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def finish(self, port: int) -> None:
        del port  # nothing is left to do

    def url(self, port: int, *, secret: bool) -> str:
        del secret  # the keys are never part of the URL
        return f"http://{LOOPBACK}:{port}"
