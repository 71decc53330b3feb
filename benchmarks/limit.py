"""What the hardware allows: photos through the compiled network on all cores, with no queue and no database.

`python -m benchmarks.limit --keys FILE --tasks classify [--stage fetch|decode|forward]` prints one JSON object, as the
peers do. The environment has the services and TAGMILL_CACHE_DIR, whose compiled networks it shares with the workers.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from multiprocessing.synchronize import Barrier
from pathlib import Path

import torch

from models.compile import Compiler
from models.decode import Photo, decode
from models.geometry import place
from models.predictor import Predictor, load_predictors
from models.preprocess import make_batch
from models.starter.pack import starter_specs
from workers.device import cores
from workers.runtime import Runtime
from workers.settings import Settings, settings


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keys", type=Path, required=True)
    parser.add_argument("--tasks", required=True, help="tasks of the starter pack, divided by commas")
    parser.add_argument("--stage", choices=("fetch", "decode", "forward"), default="fetch")
    given = parser.parse_args()
    keys = given.keys.read_text().split()
    context = multiprocessing.get_context("spawn")
    processes = cores()
    barrier = context.Barrier(processes + 1, timeout=900)  # broken where a process ends early
    shares = [keys[n::processes] for n in range(processes)]
    running = [
        context.Process(target=work, args=(share, given.tasks.split(","), given.stage, barrier))
        for share in shares
    ]
    for process in running:
        process.start()
    barrier.wait()
    started = time.perf_counter()
    barrier.wait()  # all are done; ending a process takes time that no long run would notice
    seconds = time.perf_counter() - started
    for process in running:
        process.join()
    print(json.dumps({"photos": len(keys), "seconds": round(seconds, 3)}))


def predictor(config: Settings, tasks: Sequence[str]) -> Predictor:
    """The starter pack's network for these tasks, in its fastest form."""
    specs = [spec for spec in starter_specs() if spec.builder == "tagmill:starter" and spec.task in tasks]
    weights = {spec.weights: Path(spec.weights) for spec in specs}
    (loaded,) = load_predictors(specs, weights)
    verdict = Compiler(config.weights_cache / "compiled", config.engine).speed_up(loaded, weights)
    if verdict.form == "eager":
        raise SystemExit(f"no compiled form: {verdict.reason}")
    return loaded


def work(keys: Sequence[str], tasks: Sequence[str], stage: str, barrier: Barrier) -> None:
    """One process: its share of the photos, read ahead by threads, in batches that suit the network."""
    torch.set_num_threads(1)
    runtime = Runtime(settings())
    loaded = predictor(runtime.settings, tasks)
    if stage == "forward":
        batch = make(loaded, [decode(runtime.store.get(keys[0]), sides=loaded.sides)] * loaded.batch_size)
        barrier.wait()
        for _ in range(len(keys) // loaded.batch_size):
            loaded.engine.run(batch)
        barrier.wait()
        return
    kept = {key: runtime.store.get(key) for key in keys} if stage == "decode" else {}
    read: Callable[[str], bytes] = kept.__getitem__ if stage == "decode" else runtime.store.get

    def photo(key: str) -> Photo:
        return decode(read(key), sides=loaded.sides)

    with ThreadPoolExecutor(runtime.settings.fetch_threads) as pool:
        loaded.predict([photo(keys[0])])
        barrier.wait()
        for photos in batches(pool, photo, keys, loaded.batch_size):
            loaded.engine.run(make(loaded, photos))
        barrier.wait()


def batches(
    pool: ThreadPoolExecutor, photo: Callable[[str], Photo], keys: Sequence[str], size: int
) -> Iterator[list[Photo]]:
    waiting: deque[Future[Photo]] = deque()
    for start in range(0, len(keys), size):
        ahead = keys[start + len(waiting) : start + 16 * size]
        waiting.extend(pool.submit(photo, key) for key in ahead)
        yield [waiting.popleft().result() for _ in keys[start : start + size]]


def make(loaded: Predictor, photos: Sequence[Photo]) -> torch.Tensor:
    return make_batch(photos, [place(one.width, one.height, loaded.how) for one in photos], loaded.how)


if __name__ == "__main__":
    main()
