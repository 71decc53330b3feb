"""Every error the catalog raises on purpose, in one tree. Each class says what the user does about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError

from models.errors import first_line

if TYPE_CHECKING:
    from catalog.promotion import Gaps


class CatalogError(Exception):
    """Read the message: it names what was wrong and what to change; nothing else needs repair."""


def why(error: BaseException) -> str:
    """What ended a job before its time, in a sentence."""
    if isinstance(error, KeyboardInterrupt):
        return "it was stopped before its end"
    if isinstance(error, CatalogError):
        return str(error)
    cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
    said, name = first_line(cause), type(cause).__name__
    return said if said == name else f"{name}: {said}"


class ManifestError(CatalogError):
    """Correct the manifest as a whole (its place, format or header) and start again; no row was read."""


class SourceError(CatalogError):
    """Correct the photo reference in the manifest, or pass `--root` for its folder, and ingest again.

    `code` is a snake_case word for machines, one of `catalog.sources.CODES` or `catalog.photo_urls.CODES`.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class HostUnavailable(SourceError):
    """Ingest the manifest again later: only photos that are missing are fetched. `seconds`: what its host asked for."""

    def __init__(self, message: str, seconds: float | None = None) -> None:
        super().__init__("url_unavailable", message)
        self.seconds = seconds


class StoreError(CatalogError):
    """Check the request that the object store turned down; trying again will not help."""


class StoreUnavailable(StoreError):
    """Wait or start the object store (`tagmill status` shows it), then try again: nothing was lost."""


class StoreRefused(StoreError):
    """Set the right access key, secret key and bucket permissions (`TAGMILL_S3_*`), then try again."""


class BucketMissing(StoreError):
    """Create the bucket, or correct its name in the settings (`TAGMILL_S3_BUCKET`) or in the location."""


class ObjectMissing(StoreError):
    """Ingest the photo again, or restore the object from a backup: nothing is stored under this key."""


class ObjectFailed(StoreError):
    """Look at the store's log: it answers for other objects, and not for this one. Ingesting the photo mends it."""


class ObjectTooLarge(StoreError):
    """Store a smaller object, or raise the size cap that was asked for."""


class InvalidKey(StoreError):
    """Use the key functions of `catalog.asset_store`; keys never hold names that came from a manifest."""


class UnknownModel(CatalogError):
    """Choose one of the models that `tagmill models list` shows, or add yours with `tagmill models add`."""


class AlreadyServes(CatalogError):
    """Nothing is to be done; or name the version that is to serve, as NAME@VERSION."""


class NotCovered(CatalogError):
    """Run the version over the photos that lack it, as the sentence says; `gaps` counts them. Nothing was changed."""

    def __init__(self, message: str, gaps: Gaps) -> None:
        super().__init__(message)
        self.gaps = gaps


class NoWayBack(CatalogError):
    """Promote the version that is to serve, as NAME@VERSION, once it has its results."""


class LabelsError(CatalogError):
    """Correct the file of labels as a whole (its place, format or header) and import it again; nothing was taken."""


class InteractionsError(CatalogError):
    """Correct the file of interactions as a whole (place, format or header) and load it again; nothing was taken."""


class BadShopper(CatalogError):
    """Correct the shopper's name, as the sentence says: the one that your shop tells interactions by."""


class NothingToSuggest(CatalogError):
    """Let a classifier and an embedder answer first, as the sentence says; then there is something to choose from."""


class CannotWrite(CatalogError):
    """Name another file, or make room where it is to be: what was there before is untouched."""


class NotComparable(CatalogError):
    """Name two versions that do the same task over the same photos; the message says what to do first."""


class BadFilter(CatalogError):
    """Correct the condition; the message names it and shows what it may be."""


class BadQuery(CatalogError):
    """Shorten or correct what was searched for; the message names it and what may be asked."""


class BadCursor(CatalogError):
    """Search again from the first page: `after` is none that an answer to this question gave."""


class UnknownSku(CatalogError):
    """Correct the sku; `tagmill search` finds products by words, too."""


class UnknownCode(CatalogError):
    """Choose one of the failure codes that the sentence names; `tagmill failures` counts them."""


class BadDecision(CatalogError):
    """Correct the author, or what was to be decided, as the sentence says; nothing was written."""


class BadThreshold(CatalogError):
    """Correct the number, or name a classifier, as the sentence says; nothing was changed."""


class TaxonomyError(CatalogError):
    """Correct the file at the lines that the message names and load it again; the taxonomy is as it was."""


class JobInOtherState(CatalogError):
    """Look at the job with `tagmill jobs show`: what was asked does not fit the state it is in."""


class JobCancelled(CatalogError):
    """Somebody cancelled the job while work was added to it; start it anew if it is wanted after all."""


class ExportError(CatalogError):
    """Do what the sentence says, then run the same command again: it goes on after the last finished part."""


class UnknownJob(CatalogError):
    """Choose one of the jobs that `tagmill status` shows."""


class NothingToCompare(CatalogError):
    """Add or promote a model that gives facts, and one that embeds; then near-duplicates can be looked for."""


class UnknownGroup(CatalogError):
    """Choose one of the groups, and of its photos, that `tagmill duplicates list` shows."""


class BadAuthor(CatalogError):
    """Say whose word it is, by a name of printable characters."""


class UnknownWebhook(CatalogError):
    """Choose one of the webhooks that `tagmill webhooks list` shows."""


class UnknownLabel(CatalogError):
    """Correct the label, or register the model that gives it first (`tagmill models add`)."""


class AddressRefused(CatalogError):
    """Correct the URL; a host within your own network, if it is meant, goes into the setting that is named."""


class NoAnswer(CatalogError):
    """Look at the other side: it could not be reached or did not answer in time, as the sentence says."""


class RoleRefused(CatalogError):
    """Do as the sentence says, or name another role; `tagmill readers list` and `tagmill roles list` show ours."""


class RoleRightsMissing(CatalogError):
    """Have an administrator of Postgres run the SQL that the sentence names, or give the user CREATEROLE."""
