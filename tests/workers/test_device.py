"""How many processes a worker host starts, and whether what they compute on computes."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.errors import DeviceFailed
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


def test_a_device_that_is_not_there_is_unfit() -> None:
    device.check("cpu")
    with pytest.raises(DeviceFailed, match="does not compute"):
        device.check("meta")
