"""Starts one server, detached, as the right user. Run as a script: `python -I -S launcher.py < order.json`.

A separate program, because a process that has threads cannot safely change its user between fork and exec,
and so that a server is no child of the process that asked for it. It imports the standard library only.

Order: `argv`, `cwd`, `env`; `log` (path, appended to); `record` (path: the process is noted there, then the
launcher returns while the server runs on; null: the program runs in the foreground); `uid`, `gid` (null: stay
who you are); `reach` (true: the user may not pass the folders above the program or the data, and is lent the
right to).
"""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

_PR_SET_KEEPCAPS, _PR_SET_SECUREBITS, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE = 8, 28, 47, 2
_SECBIT_NO_SETUID_FIXUP = 1 << 2
_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH = 1, 2
_CAPABILITY_VERSION_3 = 0x20080522


def identity(pid: int) -> str | None:
    """Tells a process from a later one with the same pid; None when it has ended (a zombie has ended)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except (FileNotFoundError, ProcessLookupError):
        return None if Path("/proc/self/stat").exists() else _identity_without_proc(pid)
    # proc_pid_stat(5): after the name come the state (3rd field) and, as the 22nd, the start in ticks.
    return None if fields[0] in "ZX" else f"{boot}:{fields[19]}"


def _identity_without_proc(pid: int) -> str | None:
    shown = subprocess.run(
        ["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    state, _, start = shown.stdout.strip().partition(" ")
    return None if not state or state.startswith("Z") else start.strip()


def _drop_to(uid: int, gid: int, reach: bool) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    # The first of these also makes access(2), which Postgres asks about its own programs, respect the right.
    if reach and libc.prctl(_PR_SET_SECUREBITS, _SECBIT_NO_SETUID_FIXUP, 0, 0, 0) != 0:
        libc.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setgroups([gid])
    os.setgid(gid)
    os.setuid(uid)
    # Reading is enough, since the data folder is the user's own; many containers grant only the wider right.
    if reach and not (_keep(libc, _CAP_DAC_READ_SEARCH) or _keep(libc, _CAP_DAC_OVERRIDE)):
        print("tagmill: the kernel grants no right to pass the folders above", file=sys.stderr, flush=True)


def _keep(libc: ctypes.CDLL, capability: int) -> bool:
    """Makes this one capability survive the exec; all others are given up. See capabilities(7)."""
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    bit = 1 << capability
    data = (ctypes.c_uint32 * 6)(bit, bit, bit, 0, 0, 0)
    if libc.capset(ctypes.byref(header), ctypes.byref(data)) != 0:
        return False
    return bool(libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, capability, 0, 0) == 0)


def _write_record(path: str) -> None:
    scratch = Path(f"{path}.tmp")
    scratch.write_text(json.dumps({"pid": os.getpid(), "identity": identity(os.getpid())}))
    scratch.replace(path)


def _become(order: dict[str, Any]) -> None:
    os.chdir(order["cwd"])
    if order["uid"] is not None:
        _drop_to(order["uid"], order["gid"], order["reach"])
    try:
        os.execve(order["argv"][0], order["argv"], order["env"])
    except OSError as error:
        print(f"tagmill: cannot run {order['argv'][0]}: {error.strerror}", file=sys.stderr, flush=True)


def main() -> None:
    order = json.load(sys.stdin)
    os.umask(0o077)
    log = os.open(order["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    null = os.open(os.devnull, os.O_RDONLY)
    if order["record"] is not None and os.fork() != 0:
        os._exit(0)
    try:
        if order["record"] is not None:
            os.setsid()
            # Before the exec, so that no server ever runs without a record of it.
            _write_record(order["record"])
        for source, target in ((null, 0), (log, 1), (log, 2)):
            os.dup2(source, target)
        _become(order)
    finally:
        os._exit(127)


if __name__ == "__main__":
    main()
