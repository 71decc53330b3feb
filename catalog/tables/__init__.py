"""Every table, as SQLAlchemy classes. The migrations create them; a test holds the two together.

`docs/sql.md` describes the views that downstream SQL should read instead of these tables.
"""

from catalog.tables.base import Base
from catalog.tables.duplicates import ComparedPhoto, NearDuplicate
from catalog.tables.outbox import Webhook, WebhookDelivery
from catalog.tables.people import Override, Threshold
from catalog.tables.products import Image, Product, ProductImage
from catalog.tables.results import ClassificationRow, DetectionRow, EmbeddingRow, PhotoFactsRow, SegmentRow
from catalog.tables.shoppers import Interaction
from catalog.tables.work import (
    JOB_KINDS,
    OPEN_STATES,
    STATES,
    ChunkRun,
    IngestError,
    Job,
    ModelVersion,
    ScheduledRun,
    WorkItem,
)

__all__ = [
    "JOB_KINDS",
    "OPEN_STATES",
    "STATES",
    "Base",
    "ChunkRun",
    "ClassificationRow",
    "ComparedPhoto",
    "DetectionRow",
    "EmbeddingRow",
    "Image",
    "IngestError",
    "Interaction",
    "Job",
    "ModelVersion",
    "NearDuplicate",
    "Override",
    "PhotoFactsRow",
    "Product",
    "ProductImage",
    "ScheduledRun",
    "SegmentRow",
    "Threshold",
    "Webhook",
    "WebhookDelivery",
    "WorkItem",
]
