"""celery-batches in an environment of its own, since it pins a Celery older than Tagmill's."""

from __future__ import annotations

from benchmarks.peers.environment import enter

if __name__ == "__main__":
    enter("celery-batches", ["celery-batches==0.11"], "benchmarks.peers.celery_batches_app")
