"""The networks of this process, loaded once. Versions that share weights share one network and one pass."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import sqlalchemy as sa
import structlog
import torch
from sqlalchemy.exc import SQLAlchemyError

from catalog import versions
from catalog.asset_store import AssetStore
from catalog.errors import StoreUnavailable
from catalog.versions import Version
from models.compile import NOT_YET, Compiler, Verdict
from models.predictor import Predictor, load_predictors
from models.spec import ModelSpec
from workers import metrics
from workers.device import WorkerShape
from workers.registry import weights_file
from workers.settings import Settings

log = structlog.get_logger()


COMPILE_FROM = 10_000  # photos; compiling takes a minute or more, and saves some milliseconds each
LOOK_AGAIN = 30.0


class HostUnfit(Exception):
    """Give this host more disk or memory: what it cannot load is the fault of no model and no photo."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A network, or why it cannot be had; `versions` maps ids to `name@version` in the order of its answers.

    `verdict` tells in which form it runs, and why; `weights` is the file it was loaded from.
    """

    predictor: Predictor | Exception
    versions: dict[int, str]
    verdict: Verdict | None = None
    weights: Path | None = None


class ModelCache:
    """Loads each network at its first use and keeps it."""

    def __init__(
        self,
        engine: sa.Engine,
        store: AssetStore,
        cache: Path,
        device: str,
        compiler: Compiler | None = None,
        compile_from: int = COMPILE_FROM,
        look_again: float = LOOK_AGAIN,
    ) -> None:
        """Without a `compiler` networks run as PyTorch runs them.

        One that is not compiled yet is compiled once `compile_from` photos wait for it; for fewer the wait is not
        worth it. How many there are is asked every `look_again` seconds at most. With 0 it is compiled ahead of them
        all, and another process that is just doing so is waited for.
        """
        self._engine = engine
        self._store = store
        self._cache = cache
        self._device = device
        self._compiler = compiler
        self._compile_from = compile_from
        self._look_again = look_again
        self._looked = float("-inf")
        self._loaded: list[Loaded] = []

    def get(self, version_ids: Iterable[int]) -> list[Loaded]:
        """The networks that answer for `version_ids`, each once.

        A network that cannot be loaded is returned as its error, and tried again at the next call. Raises HostUnfit.
        """
        wanted = set(version_ids)
        if time.monotonic() - self._looked >= self._look_again:
            self._loaded = [self._reconsidered(loaded) for loaded in self._loaded]
            self._looked = time.monotonic()
        missing = wanted - _ids(self._loaded)
        fresh = self._load(missing) if missing else []
        found = [loaded for loaded in fresh if isinstance(loaded.predictor, Predictor)]
        # A sibling registered later brings its whole family: the network of before makes room for it.
        self._loaded = [old for old in self._loaded if not old.versions.keys() & _ids(found)] + found
        answered = _ids(self._loaded)
        broken = [_without(loaded, answered) for loaded in fresh if isinstance(loaded.predictor, Exception)]
        return [loaded for loaded in self._loaded + broken if wanted & loaded.versions.keys()]

    def _load(self, version_ids: set[int]) -> list[Loaded]:
        with self._engine.connect() as connection:
            family = versions.with_siblings(connection, version_ids)
        by_weights: dict[str, list[Version]] = {}
        for version in family:
            by_weights.setdefault(version.weights_sha256, []).append(version)
        return [loaded for group in by_weights.values() for loaded in self._load_group(group)]

    def _load_group(self, group: list[Version]) -> list[Loaded]:
        ids = {version.key: version.id for version in group}
        try:
            path = weights_file(self._store, self._cache, group[0])
            specs = [ModelSpec.parse({**version.spec, "weights": str(path)}) for version in group]
            predictors = load_predictors(specs, {str(path): path}, self._device)
            verdicts = [self._speed_up(predictor, path, ids) for predictor in predictors]
        except SQLAlchemyError:
            raise
        except (OSError, MemoryError, torch.OutOfMemoryError) as error:
            raise HostUnfit(f"cannot load {', '.join(ids)} here: {error}") from error
        except StoreUnavailable as error:
            return [Loaded(error, {id_: key for key, id_ in ids.items()})]
        except Exception as error:  # noqa: BLE001 - a model that cannot be loaded fails its own items only
            log.error("model not loaded", models=list(ids), error=str(error))
            return [Loaded(error, {id_: key for key, id_ in ids.items()})]
        return [
            self._found(predictor, verdict, ids, path)
            for predictor, verdict in zip(predictors, verdicts, strict=True)
        ]

    def _found(self, predictor: Predictor, verdict: Verdict, ids: dict[str, int], weights: Path) -> Loaded:
        keys = [spec.key for spec in predictor.specs]
        told = {"device": self._device, "form": verdict.form, "reason": verdict.reason}
        log.info("model loaded", models=keys, **told)
        for key in keys:
            metrics.tell_form(key, verdict.form, self._device)
        return Loaded(predictor, {ids[key]: key for key in keys}, verdict, weights)

    def _speed_up(self, predictor: Predictor, weights: Path, ids: dict[str, int]) -> Verdict:
        if self._compiler is None:
            return Verdict(form="eager")
        with self._engine.connect() as connection:
            waiting = versions.waiting(connection, ids.values(), self._compile_from)
        worth_it = waiting >= self._compile_from
        ahead = not self._compile_from
        return self._compiler.speed_up(predictor, {str(weights): weights}, compile=worth_it, wait=ahead)

    def _reconsidered(self, loaded: Loaded) -> Loaded:
        """A network that few photos waited for runs eager; once many do, or another process compiled it, no more."""
        if (
            loaded.verdict is not NOT_YET
            or not isinstance(loaded.predictor, Predictor)
            or loaded.weights is None
        ):
            return loaded
        ids = {key: version_id for version_id, key in loaded.versions.items()}
        verdict = self._speed_up(loaded.predictor, loaded.weights, ids)
        if verdict is NOT_YET:
            return loaded
        return self._found(loaded.predictor, verdict, ids, loaded.weights)


def compiler_of(config: Settings, shape: WorkerShape, *, again: bool = False) -> Compiler:
    """The compiler whose packages all processes of this machine share."""
    return Compiler(config.weights_cache / "compiled", config.engine, shape.threads, again=again)


def _ids(networks: Iterable[Loaded]) -> set[int]:
    return {version_id for loaded in networks for version_id in loaded.versions}


def _without(loaded: Loaded, answered: set[int]) -> Loaded:
    """Two answers for one work item would contradict each other."""
    return replace(loaded, versions={i: key for i, key in loaded.versions.items() if i not in answered})
