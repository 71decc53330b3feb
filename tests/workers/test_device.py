"""How many processes a worker host starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from workers import device


@pytest.mark.parametrize(
    ("content", "cores"), [("100000 100000", 1), ("50000 100000", 1), ("max 100000", None), (None, None)]
)
def test_a_containers_cpu_quota_counts(
    content: str | None, cores: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device, "CGROUP_CPU", tmp_path / "none")
    without = device.cores()
    monkeypatch.setattr(device, "CGROUP_CPU", tmp_path / "cpu.max")
    if content is not None:
        (tmp_path / "cpu.max").write_text(content)
    assert device.cores() == (cores or without)
