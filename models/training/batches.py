"""The order of an epoch, and batches ahead of need. Nothing in it depends on how many processes load or train."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
from torch.utils.data import DataLoader, Sampler

from models.errors import TrainingError
from models.training.examples import Examples, Where, collate
from models.training.recipe import Recipe


class Order(Sampler[list[Where]]):
    """Batches of an epoch for one of `parts` processes: each batch of the whole run is dealt out among them."""

    def __init__(self, count: int, batch: int, seed: int, part: int = 0, parts: int = 1) -> None:
        self.count, self.batch, self.seed = count, batch, seed
        self.part, self.parts = part, parts
        self.epoch = 0

    def __len__(self) -> int:
        """A last batch of less than half the size is left out: its gradient would count as much as a whole one's.

        So is one that would give a process a single photo, of which batch norms learn nothing.
        """
        whole, rest = divmod(self.count, self.batch)
        return max(1, whole + (2 * rest >= self.batch and rest >= 2 * self.parts))

    def __iter__(self) -> Iterator[list[Where]]:
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
        order = torch.randperm(self.count, generator=generator).tolist()
        for start in range(0, len(self) * self.batch, self.batch):
            mine = order[start : start + self.batch][self.part :: self.parts]
            # Too few for everybody: some are seen twice rather than that a process waits for ever.
            yield [(self.epoch, index) for index in mine or order[:1]]


class Batches:
    """Training batches of any epoch, loaded ahead; `waited` is how many seconds the reader stood idle for them."""

    def __init__(self, examples: Examples, recipe: Recipe, *, part: int = 0, parts: int = 1) -> None:
        self._order = Order(len(examples), recipe.batch, recipe.seed, part, parts)
        processes = loading_processes()
        self._loader = DataLoader(
            examples,
            batch_sampler=self._order,
            collate_fn=partial(collate, recipe),
            num_workers=processes,
            persistent_workers=processes > 0,
            prefetch_factor=4 if processes else None,
            pin_memory=torch.cuda.is_available(),
        )
        self.waited = 0.0

    def __len__(self) -> int:
        return len(self._order)

    def epoch(self, number: int) -> Iterator[tuple[Any, Any]]:
        """The batches of epoch `number`, counted from 0."""
        self._order.epoch = number
        self.waited = 0.0
        began = time.perf_counter()
        try:
            for batch in self._loader:
                self.waited += time.perf_counter() - began
                yield batch
                began = time.perf_counter()
        except TrainingError as error:
            raise _plain(error) from None


def _plain(error: TrainingError) -> TrainingError:
    """The error of a loading process, which comes with all of that process's traceback, as a sentence."""
    last = str(error).strip().splitlines()[-1]
    return type(error)(last.partition("Error: ")[2]) if str(error).startswith("Caught ") else error


def loading_processes() -> int:
    """A process for each two cores beside the one that trains; `TAGMILL_LOADERS` says otherwise."""
    told = os.environ.get("TAGMILL_LOADERS")
    return int(told) if told is not None else max(1, len(os.sched_getaffinity(0)) // 2)
