"""Workers of the demo: started when needed, missed when they die, gone at the end."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from workers.demo.processes import Worker, WorkerDied


def wait_for(worker: Worker, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while worker.running and time.monotonic() < deadline:
        time.sleep(0.02)


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def keep_up(worker: Worker) -> None:
    """Ask for a running worker again and again, as the demo does."""
    with worker:
        for _ in range(10):
            worker.ensure_running()
            wait_for(worker)


def alive(pid: int) -> bool:
    """Whether the process runs; one that has ended and was not yet collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def interrupt(worker: Worker) -> None:
    with worker:
        worker.ensure_running()
        raise KeyboardInterrupt


def test_a_failed_worker_is_reported_with_the_end_of_its_log(tmp_path: Path) -> None:
    worker = Worker(tmp_path / "logs" / "worker.log", python("print('the last words'); raise SystemExit(7)"))
    with pytest.raises(WorkerDied, match=r"(?s)exit code 7.*worker\.log.*the last words"):
        keep_up(worker)


def test_a_drained_worker_is_started_again_a_few_times(tmp_path: Path) -> None:
    worker = Worker(tmp_path / "log", python(""))
    with pytest.raises(WorkerDied, match="work left over"):
        keep_up(worker)
    assert worker.starts == 5


def test_after_an_error_it_does_not_stay(tmp_path: Path) -> None:
    worker = Worker(tmp_path / "log", python("import time; time.sleep(60)"))
    with pytest.raises(KeyboardInterrupt):
        interrupt(worker)
    assert not worker.running


def test_children_of_a_dead_worker_do_not_stay(tmp_path: Path) -> None:
    child = "import time; print('child', flush=True); time.sleep(60)"
    parent = (
        f"import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', {child!r}]).pid); sys.exit(3)"
    )
    log = tmp_path / "log"
    with pytest.raises(WorkerDied):
        keep_up(Worker(log, python(parent)))
    pid = next(line for line in log.read_text().splitlines() if line.isdecimal())
    deadline = time.monotonic() + 10
    while alive(int(pid)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not alive(int(pid))


def test_without_work_nothing_is_started(tmp_path: Path) -> None:
    with Worker(tmp_path / "log") as worker:
        pass
    assert worker.starts == 0
    assert not (tmp_path / "log").exists()
