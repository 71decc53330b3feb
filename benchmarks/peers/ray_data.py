"""Ray Data in an environment of its own."""

from __future__ import annotations

from benchmarks.peers.environment import enter

if __name__ == "__main__":
    enter("ray-data", ["ray[data]==2.60.0"], "benchmarks.peers.ray_data_job")
