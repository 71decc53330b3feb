"""Model versions between the registry in Postgres, their weights in the store, and this machine's disk."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

import sqlalchemy as sa

from catalog import versions
from catalog.asset_store import AssetStore, model_key
from catalog.errors import ObjectMissing
from catalog.locks import uploading
from catalog.versions import Version
from models.digest import sha256_of
from models.errors import WeightsError
from models.spec import ModelSpec
from models.weights_limits import LARGEST


def add(
    engine: sa.Engine, store: AssetStore, spec: ModelSpec, weights: Path, *, candidate: bool = False
) -> tuple[Version, bool]:
    """Register `spec` with the weights of a local file: (version, whether it is new).

    The same weights with the same labels, preprocessing and options are not registered twice. The weights are
    uploaded before the row is committed, so a registered version can always be loaded. A `candidate` does not serve
    at once, also where it is the first of its name.
    """
    data = weights.read_bytes()
    sha256 = hashlib.sha256(data).hexdigest()
    if spec.sha256 and spec.sha256 != sha256:
        raise WeightsError(
            f"{weights} has SHA-256 {sha256}, its spec says {spec.sha256}; fetch the file again"
        )
    with uploading(engine) as connection, connection.begin():
        number = versions.next_number(connection, spec.name)
        twins = versions.same_weights(connection, spec.name, spec.task, sha256)
        if twin := next((known for known in reversed(twins) if _answers_alike(spec, known)), None):
            _restore(store, str(twin.spec["weights"]), data)
            return twin, False
        key = model_key(spec.name, str(number), f"{sha256}{weights.suffix}")
        store.put(key, data, "application/octet-stream")
        final = spec.model_copy(update={"version": number, "sha256": sha256, "weights": key})
        return versions.register(connection, final.model_dump(mode="json"), candidate=candidate), True


def _answers_alike(spec: ModelSpec, version: Version) -> bool:
    """Whether both would say the same of every photo; what is told of them, and the threshold, make no difference."""
    known = ModelSpec.parse(version.spec)

    def essence(one: ModelSpec) -> tuple[object, ...]:
        options = one.options.model_copy(update={"threshold": None})
        return one.builder, one.labels, one.preprocessing, options

    return essence(spec) == essence(known)


def _restore(store: AssetStore, key: str, data: bytes) -> None:
    """Put weights back that the store has lost."""
    if not store.exists(key):
        store.put(key, data, "application/octet-stream")


def weights_file(store: AssetStore, cache: Path, version: Version) -> Path:
    """The weights of a version on this machine's disk, fetched from the store once.

    What lies there with another hash is fetched anew. Raises WeightsError where the store has lost the bytes, or has
    not those that were registered.
    """
    key = str(version.spec["weights"])
    path = cache / Path(key).name
    if path.exists() and sha256_of(path) == version.weights_sha256:
        return path
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix=".fetching-") as folder:
        fresh = Path(folder) / path.name
        _fetch(store, version, key, fresh)
        fresh.replace(path)
    return path


def _fetch(store: AssetStore, version: Version, key: str, file: Path) -> None:
    if (size := store.size(key) or 0) > LARGEST:
        raise WeightsError(f"{key} in the store has {size:,} bytes; remove it and add {version.key} again")
    try:
        with file.open("wb") as writing:
            store.copy_to(key, writing)
    except ObjectMissing:  # of the weights, not of the photo at hand
        raise WeightsError(
            f"the weights of {version.key} are gone from the store; add the model again"
        ) from None
    found = sha256_of(file)
    if found != version.weights_sha256:
        raise WeightsError(
            f"the weights of {version.key} in the store have SHA-256 {found}, registered is "
            f"{version.weights_sha256}; remove the object {key} and add the model again"
        )
