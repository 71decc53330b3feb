"""Daft in an environment of its own."""

from __future__ import annotations

from benchmarks.peers.environment import enter

if __name__ == "__main__":
    enter("daft", ["daft==0.7.26", "pandas"], "benchmarks.peers.daft_batch_job")
