"""What a photo reference is, and what is kept of it: of a URL only what is no secret."""

from __future__ import annotations

import hashlib
import re

_URL = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*://)(?P<authority>[^/?#\\]*)(?P<path>[^?#]*)(?:\?(?P<query>[^#]*))?"
)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://|data:", re.ASCII)
_WEB = re.compile(r"https?://", re.IGNORECASE)
_AUTHORITY = re.compile(r"\[[0-9A-Fa-f:.]+\](:[0-9]*)?|[^:\[\]]*(:[0-9]*)?")

# What signs a URL for some time, by the parameters that tell it is signed: the photo behind it is the same tomorrow.
_SIGNED = (
    ({"x-amz-signature"}, re.compile(r"x-amz-")),
    ({"x-goog-signature"}, re.compile(r"x-goog-")),
    ({"signature"}, re.compile(r"(signature|expires|policy|key-pair-id|awsaccesskeyid|googleaccessid)$")),
    ({"sig", "sv"}, re.compile(r"(sig|se|st|sp|sv|sr|spr|skoid|sktid|skt|ske|sks|skv)$")),
)


def in_bucket(reference: str) -> bool:
    return reference.startswith("s3://")


def is_url(reference: str) -> bool:
    """Whether it is a URL of any kind but `s3://`."""
    return not in_bucket(reference) and _SCHEME.match(reference) is not None


def is_web(reference: str) -> bool:
    """Whether it is an http or https URL."""
    return _WEB.match(reference) is not None


def kept(reference: str) -> str:
    """What is stored and shown of a reference. A path is kept as it is; of a URL neither user, password nor fragment.

    Its query may hold a key or a signature: in its place stands `?…` with a hash, which tells one photo from another.
    Signatures that are known as such are left out of the hash. The content of a `data:` URL is not kept.
    """
    if not is_url(reference):
        return reference
    parts = _URL.match(reference)
    if parts is None:
        return "data:…"
    authority = parts["authority"].rpartition("@")[2]
    if not _AUTHORITY.fullmatch(authority):  # such as half of a password that holds a slash
        return f"{parts['scheme'].lower()}…"
    query = "" if not parts["query"] else f"?…{_digest(parts['query'])}"
    return f"{parts['scheme'].lower()}{authority.lower()}{parts['path']}{query}"


def _digest(query: str) -> str:
    pairs = query.split("&")
    names = [pair.partition("=")[0].lower() for pair in pairs]
    passing = [pattern for marks, pattern in _SIGNED if marks <= set(names)]
    lasting = [p for p, name in zip(pairs, names, strict=True) if not any(s.match(name) for s in passing)]
    return hashlib.sha256("&".join(lasting).encode(errors="surrogatepass")).hexdigest()[:16]
