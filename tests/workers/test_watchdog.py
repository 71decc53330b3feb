"""Liveness, on real processes: who hangs is killed, who hears nothing ends its host."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from workers.pulse import Beat, OwnPulse, Pulse, own_pulse
from workers.watchdog import Watchdog


@pytest.fixture
def pulse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pulse]:
    monkeypatch.setenv("TAGMILL_PULSE", "")
    made = Pulse.create(tmp_path / "pulse")
    yield made
    made.remove()


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    made = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    yield made
    made.kill()
    made.wait(10)


class Host:
    """What a watchdog looks at, and whether it ended the host."""

    def __init__(self, pulse: Pulse, processes: dict[int, int], waiting: int = 0) -> None:
        self.waiting = waiting
        self.ended = False
        self.watchdog = Watchdog(pulse, 10.0, lambda: processes, lambda: self.waiting, self._end)

    def _end(self) -> None:
        self.ended = True


def test_a_process_without_progress_is_killed(pulse: Pulse, process: subprocess.Popen[bytes]) -> None:
    pulse.write(3, Beat(process.pid, time.monotonic() - 11))
    Host(pulse, {3: process.pid}).watchdog.look()
    assert process.wait(10) == -9


@pytest.mark.parametrize("silent_for", [None, 9.0])
def test_one_that_is_idle_or_gets_on_is_left_alone(
    pulse: Pulse, process: subprocess.Popen[bytes], silent_for: float | None
) -> None:
    pulse.write(0, Beat(process.pid, None if silent_for is None else time.monotonic() - silent_for))
    Host(pulse, {0: process.pid}).watchdog.look()
    time.sleep(0.2)
    assert process.poll() is None


def test_one_that_said_its_step_may_take_longer_is_given_that_time(
    pulse: Pulse, process: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    own = OwnPulse(pulse, 0)
    own._pid = process.pid
    host = Host(pulse, {0: process.pid})
    with own.busy(), own.slowly(30.0):
        own.progress()  # of another thread: it must not cut the time short
        now = time.monotonic()
        for seconds, code in ((39, None), (41, -9)):
            monkeypatch.setattr("workers.watchdog.time.monotonic", lambda: now + seconds)  # noqa: B023
            host.watchdog._looked_at = now + seconds - 1
            host.watchdog.look()
            assert _ended_within(process, 0.5) == code


def _ended_within(process: subprocess.Popen[bytes], seconds: float) -> int | None:
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        return None


def test_a_broker_that_is_away_makes_no_host_deaf(pulse: Pulse, monkeypatch: pytest.MonkeyPatch) -> None:
    host, now = Host(pulse, {0: 1}, waiting=1), time.monotonic()

    def away() -> int:
        raise ConnectionError("refused")

    host.watchdog.look()
    host.watchdog.waiting = away
    with pytest.raises(ConnectionError):
        host.watchdog.look()
    host.watchdog.waiting = lambda: 1
    monkeypatch.setattr("workers.watchdog.time.monotonic", lambda: now + 11)
    host.watchdog.look()
    assert not host.ended


def test_a_host_that_was_frozen_itself_gives_its_processes_time(
    pulse: Pulse, process: subprocess.Popen[bytes]
) -> None:
    host = Host(pulse, {0: process.pid})
    pulse.write(0, Beat(process.pid, time.monotonic() - 11))
    host.watchdog._looked_at -= 11
    host.watchdog.look()
    time.sleep(0.2)
    assert process.poll() is None
    host.watchdog._awake_since -= 11
    host.watchdog.look()
    assert process.wait(10) == -9


def test_what_a_dead_process_left_in_its_slot_is_not_held_against_its_successor(
    pulse: Pulse, process: subprocess.Popen[bytes]
) -> None:
    pulse.write(0, Beat(process.pid + 1, time.monotonic() - 100))
    Host(pulse, {0: process.pid}).watchdog.look()
    time.sleep(0.2)
    assert process.poll() is None


def test_a_host_that_hears_nothing_while_messages_wait_ends(pulse: Pulse) -> None:
    host = Host(pulse, {0: 4711}, waiting=1)
    host.watchdog.look()
    assert not host.ended
    assert host.watchdog._deaf_since is not None
    host.watchdog._deaf_since -= 11
    host.watchdog.look()
    assert host.ended


@pytest.mark.parametrize("reason", ["nothing waits", "a process works"])
def test_a_host_with_nothing_to_hear_or_with_work_does_not_end(pulse: Pulse, reason: str) -> None:
    host = Host(pulse, {0: 4711}, waiting=1)
    host.watchdog.look()
    assert host.watchdog._deaf_since is not None
    host.watchdog._deaf_since -= 11
    if reason == "nothing waits":
        host.waiting = 0
    else:
        pulse.write(0, Beat(4711, time.monotonic()))
    host.watchdog.look()
    assert not host.ended
    assert host.watchdog._deaf_since is None


def test_a_process_says_when_it_is_busy_and_hears_when_its_host_ends(pulse: Pulse) -> None:
    own = own_pulse(5)
    assert pulse.read(5).since is None
    with own.busy():
        began = pulse.read(5).since
        own.progress()
        assert began is not None
        assert (pulse.read(5).since or 0) >= began
    own.progress()  # of a thread that the chunk left behind
    assert pulse.read(5).since is None
    assert not own.ending()
    pulse.end()
    assert own.ending()


def test_without_a_host_a_pulse_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TAGMILL_PULSE", raising=False)
    own = own_pulse(0)
    with own.busy(), own.slowly(1):
        own.progress()
    assert not own.ending()


def test_a_pulse_that_is_gone_leaves_its_process_unwatched_and_at_work(
    pulse: Pulse, capsys: pytest.CaptureFixture[str]
) -> None:
    pulse.path.unlink()
    own = own_pulse(0)
    with own.busy():
        own.progress()
    assert "not watched" in capsys.readouterr().out


def test_a_new_host_clears_away_what_dead_hosts_left_and_nothing_else(
    pulse: Pulse, process: subprocess.Popen[bytes]
) -> None:
    folder, here = pulse.path.parent, socket.gethostname()
    ended = subprocess.Popen(["true"])
    ended.wait()
    names = [f"{here}-{process.pid}", f"{here}-{ended.pid}", f"elsewhere-{ended.pid}"]
    for name in names:
        (folder / name).touch()
    Pulse.create(folder)
    assert [name for name in names if (folder / name).exists()] == [names[0], names[2]]


def test_a_pool_without_processes_of_its_own_is_not_taken_for_deaf(
    pulse: Pulse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`celery worker --pool threads`: nobody can be seen at work."""
    host, now = Host(pulse, {}, waiting=1), time.monotonic()
    for seconds in (0, 11, 22):
        monkeypatch.setattr("workers.watchdog.time.monotonic", lambda: now + seconds)  # noqa: B023
        host.watchdog.look()
    assert not host.ended
