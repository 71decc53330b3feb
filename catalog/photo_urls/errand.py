"""One photo on its way here: each `run` is one request, which ends in the photo, in a refusal, or later."""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException, responses
from typing import Generic, TypeVar
from urllib.parse import urljoin

from catalog.errors import HostUnavailable, NoAnswer, SourceError
from catalog.manifests import shown
from catalog.outward import Bounds, Connection, Target, sentence
from catalog.photo_urls.connections import Connections
from catalog.photo_urls.exchange import REDIRECTS, Got, get
from catalog.photo_urls.patience import Patience, retry_after
from catalog.photo_urls.queues import Later
from catalog.photo_urls.rules import Rules
from catalog.references import kept

MOST_REDIRECTS = 5

_GONE, _FORBIDDEN = (404, 410), (401, 402, 403, 407, 451)
_LATER = (408, 425, 429)
# The comments are atomic: many of them must not be tried in all ways.
_PAGE = re.compile(
    rb"(\xef\xbb\xbf)?\s*(<\?xml[^>]*>\s*)?(?>(<!--.*?-->\s*)*)<(!doctype html|html|head|body|script)\b",
    re.I | re.S,
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Means:
    """What all errands share. `max_bytes` is of a photo."""

    rules: Rules
    connections: Connections
    patience: Patience
    max_bytes: int

    def bounds(self) -> Bounds:
        # Chunks carry some bytes more; and one byte over, to tell a photo that is too large.
        body = self.max_bytes + self.max_bytes // 8 + 64 * 1024
        return Bounds(self.patience.seconds, body, self.patience.rate, self.patience.grace)


class Errand(Generic[T]):
    """`look` makes of the photo's bytes what is wanted. Raises SourceError for a URL that may not be asked."""

    def __init__(self, url: str, means: Means, look: Callable[[bytes], T]) -> None:
        self._means = means
        self._look = look
        self._named = shown(kept(url))
        self._url = url
        self._redirects = self._attempts = 0
        self.size = 0
        self._to = self._target(url)

    @property
    def host(self) -> str:
        return self._to.host

    def run(self) -> T | Later:
        """Raises SourceError, whose sentence names the URL."""
        try:
            got = self._get()
        except SourceError as error:
            raise SourceError(error.code, f"{self._where}: {error}") from None
        except TimeoutError:
            raise self._unavailable("gave no complete answer in time") from None
        except ssl.SSLCertVerificationError as error:
            raise self._failed(f"is not whom it should be: {sentence(error)}") from None
        except (NoAnswer, OSError, HTTPException, ValueError) as error:
            return self._later(f"did not answer: {sentence(error)}", None)
        return self._read(got)

    def _get(self) -> Got:
        connection, new = self._means.connections.lend(self._to)
        try:
            return self._ask(connection)
        except ConnectionError:
            if new:
                raise
        # It was kept open, and closed by the other side just now.
        return self._ask(self._means.connections.open(self._to))

    def _ask(self, connection: Connection) -> Got:
        again = False
        try:
            got = get(connection, self._to, self._means.max_bytes, self._means.bounds())
            again = got.again
        finally:
            self._means.connections.give_back(self._to, connection, again=again)
        return got

    def _read(self, got: Got) -> T | Later:
        said = f"answers {got.status} {responses.get(got.status, '')}".rstrip()
        if got.status == 200:
            if _PAGE.match(got.data[:1024]):
                raise SourceError("url_web_page", f"{self._where} is a web page, not a photo")
            self.size = len(got.data)
            return self._look(got.data)
        if got.status in REDIRECTS and got.location is not None:
            return self._redirected(got.location)
        if got.status in _GONE:
            raise SourceError("url_gone", f"{self._where} {said}")
        if got.status in _FORBIDDEN:
            raise SourceError("url_forbidden", f"{self._where} {said}")
        if got.status in _LATER or got.status >= 500:
            return self._later(said, retry_after(got.retry_after), busy=got.status == 429)
        raise self._failed(said)

    def _redirected(self, location: str) -> Later:
        """Looked at like any other URL, by the rules and at its address."""
        self._redirects += 1
        if self._redirects > MOST_REDIRECTS:
            raise self._failed(f"redirects more than {MOST_REDIRECTS} times")
        try:
            url = urljoin(self._url, location)
        except ValueError:
            raise self._failed("redirects to what is no URL") from None
        to = self._target(url)
        if self._to.secure and not to.secure:
            raise self._failed("redirects from https to http")
        self._url, self._to = url, to
        return Later()

    def _target(self, url: str) -> Target:
        try:
            return self._means.rules.target(url)
        except SourceError as error:
            leads = "" if url == self._url else " redirects to"
            raise SourceError(error.code, f"{self._named}{leads}: {error}") from None

    def _later(self, reason: str, wait: float | None, *, busy: bool = False) -> Later:
        self._attempts += 1
        patience = self._means.patience
        if wait is not None and wait > patience.longest:
            raise self._unavailable(f"{reason}, and to be asked again in {wait:,.0f} s", wait)
        if self._attempts >= patience.attempts:
            raise self._unavailable(f"{reason}, {self._attempts} times")
        pause = max(patience.back_off(self._attempts), wait or 0.0)
        return Later(pause, trouble=True, rest=busy or wait is not None)

    @property
    def _where(self) -> str:
        """The URL of the manifest, and where it has led to."""
        return f"{self._named} (redirected to {self._to.host})" if self._redirects else self._named

    def _failed(self, reason: str) -> SourceError:
        return SourceError("url_failed", f"{self._where} {reason}")

    def _unavailable(self, reason: str, seconds: float | None = None) -> HostUnavailable:
        return HostUnavailable(f"{self._where} {reason}", seconds)
