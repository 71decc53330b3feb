"""What people use today for photos in S3, a classifier and rows in Postgres.

Each peer is a program, `python -m benchmarks.peers.<name> --keys FILE [--tuned]`, with the services in `TAGMILL_*`.
Without `--tuned` it is as its own documentation shows it; with it, as fast as its users would plausibly make it.
"""

from __future__ import annotations

PEERS: dict[str, str] = {
    "celery_task": "One Celery task a photo on prefork workers, after Celery's “First steps” and “Tasks” pages.",
    "celery_batches": "Messages gathered into lists, after the “Getting started” page of celery-batches.",
    "dataloader": "A script with a map-style Dataset and worker processes, after PyTorch's “torch.utils.data” page.",
    "ray_data": "A map stage and a pool of predictor actors, after Ray's “End-to-end: Offline Batch Inference” page.",
    "daft_batch": "A data frame with URL and image expressions and a class UDF, after Daft's “Batch Inference” page.",
}
