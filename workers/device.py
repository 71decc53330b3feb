"""What this machine computes on, and the shape of worker that suits it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from models.errors import DeviceFailed
from workers.settings import Settings

CGROUP_CPU = Path("/sys/fs/cgroup/cpu.max")


@dataclass(frozen=True, slots=True)
class WorkerShape:
    """Processes, how they start, and the intra-op threads of each."""

    device: Literal["cpu", "cuda"]
    processes: int
    threads: int
    start_method: Literal["fork", "spawn"]


def worker_shape(config: Settings) -> WorkerShape:
    """One process a core with one thread each, or one a GPU, spawned so that no CUDA context crosses a fork.

    On two cores one process with two threads was measured at less than half of two processes with one.
    """
    if config.device == "cuda" or (config.device == "auto" and torch.cuda.is_available()):
        processes = config.concurrency or max(1, torch.cuda.device_count())
        return WorkerShape("cuda", processes, threads=2, start_method="spawn")
    return WorkerShape("cpu", config.concurrency or cores(), threads=1, start_method="fork")


def cores() -> int:
    """Cores this process may use: containers often have fewer than the machine, or a share of their time."""
    found = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(found, _quota(CGROUP_CPU) or found)


def _quota(file: Path) -> int | None:
    """Whole cores of a container's CPU quota (cgroup v2), `docker run --cpus` or a Kubernetes limit."""
    try:
        quota, period = file.read_text().split()
        return max(1, int(quota) // int(period))
    except (OSError, ValueError):  # no cgroup, or `max`: no quota
        return None


def check(device: str) -> None:
    """Raises DeviceFailed where `device` cannot add up: whoever is on it should claim nothing."""
    try:
        total = torch.ones(64, 64, device=device).matmul(torch.ones(64, device=device)).sum().item()
    except RuntimeError as error:
        raise DeviceFailed(f"{device} does not compute: {error}") from error
    if total != 64 * 64:
        raise DeviceFailed(f"{device} computes wrongly: {total} in place of {64 * 64}")


def device_of(shape: WorkerShape, process_index: int) -> str:
    """The torch device of the n-th process."""
    return f"cuda:{process_index % max(1, torch.cuda.device_count())}" if shape.device == "cuda" else "cpu"
