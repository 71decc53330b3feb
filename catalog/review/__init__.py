"""Reviews: what all photos of a product say together, what people say of it, and why a label is shown."""

from catalog.review.decisions import Decided, Decision, decide, relabelled
from catalog.review.dismissals import dismiss
from catalog.review.items import Alternative, ReviewItem
from catalog.review.pages import ReviewPage, queue
from catalog.review.walks import Kind
from catalog.review.why import Why, why

__all__ = [
    "Alternative",
    "Decided",
    "Decision",
    "Kind",
    "ReviewItem",
    "ReviewPage",
    "Why",
    "decide",
    "dismiss",
    "queue",
    "relabelled",
    "why",
]
