"""Every table, as SQLAlchemy classes. The migrations create them; a test holds the two together.

`docs/sql.md` describes the views that downstream SQL should read instead of these tables.
"""

from catalog.tables.base import Base
from catalog.tables.duplicates import ComparedPhoto, NearDuplicate
from catalog.tables.outbox import RefusedMessage, Webhook, WebhookDelivery
from catalog.tables.people import DismissedMismatch, Override, TaxonomyRule, Threshold
from catalog.tables.products import Image, Product, ProductImage
from catalog.tables.results import ClassificationRow, DetectionRow, EmbeddingRow, PhotoFactsRow, SegmentRow
from catalog.tables.search import KnownWord, LabelText, ProductText, ProductWords, TextCatchUp, TextToRead
from catalog.tables.shoppers import CategoryPair, Interaction, ProductPair, ProductPopularity
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
    "CategoryPair",
    "ChunkRun",
    "ClassificationRow",
    "ComparedPhoto",
    "DetectionRow",
    "DismissedMismatch",
    "EmbeddingRow",
    "Image",
    "IngestError",
    "Interaction",
    "Job",
    "KnownWord",
    "LabelText",
    "ModelVersion",
    "NearDuplicate",
    "Override",
    "PhotoFactsRow",
    "Product",
    "ProductImage",
    "ProductPair",
    "ProductPopularity",
    "ProductText",
    "ProductWords",
    "RefusedMessage",
    "ScheduledRun",
    "SegmentRow",
    "TaxonomyRule",
    "TextCatchUp",
    "TextToRead",
    "Threshold",
    "Webhook",
    "WebhookDelivery",
    "WorkItem",
]
