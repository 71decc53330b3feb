"""A predictor in, the same predictor with its fastest form that answers alike out; compiled once for all processes."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

import torch

from models.compile.child import Request
from models.compile.engine import PACKAGE, load
from models.compile.graph import why_not
from models.compile.precision import has_bf16
from models.compile.private import keep_private
from models.compile.verdict import Form, Verdict
from models.engine import half_type
from models.predictor import Predictor
from models.spec import ModelSpec

Mode = Literal["auto", "int8", "fp32", "eager"]
"""auto: the fastest form that answers alike; int8: also that one, with wider bounds, on a CPU; fp32: compiled, but in
full precision; eager: PyTorch as it is."""

NOT_YET = Verdict(form="eager", reason="not compiled yet")

TIMEOUT = 600.0
LAST_WORDS = 300
MODELS = Path(__file__).parents[1]


class Compiler:
    """The packages of this machine, in a folder that all its processes share."""

    def __init__(self, folder: Path, mode: Mode = "auto", threads: int = 1, *, again: bool = False) -> None:
        """`threads` is how many each process computes with: it is compiled in. `again` looks at no package that is
        there, and compiles it anew."""
        self.folder = folder
        self._mode = mode
        self._threads = threads
        self._again = again

    def speed_up(
        self, predictor: Predictor, weights: dict[str, Path], *, compile: bool = True, wait: bool = False
    ) -> Verdict:
        """Give `predictor` the fastest engine that answers as its own does; the first call on a machine compiles.

        `weights` is what the predictor was loaded with. Without `compile` only what is compiled already is used.
        Nothing is raised: where there is no compiler, it fails, or the folder cannot be written, the predictor stays as
        it is, and the verdict says why. While another process compiles the network the verdict is NOT_YET, unless
        `wait`.
        """
        device = predictor.engine.device
        tasks = [spec.task for spec in predictor.specs]
        if self._mode == "eager":
            return Verdict(form="eager", reason="the settings say so")
        if reason := why_not(predictor.engine.network, predictor.how, tasks) or _no_compiler():
            return Verdict(form="eager", reason=reason)
        try:
            keep_private(self.folder)
        except OSError as error:
            return Verdict(form="eager", reason=f"packages cannot be kept: {error}"[:LAST_WORDS])
        forms = _forms(self._mode, device)
        home = self.folder / _key(predictor, forms, self._threads)
        verdict = None if self._again else Verdict.read(home)
        if verdict is None:
            if not compile:
                return NOT_YET
            try:
                verdict = self._compile(home, predictor, weights, forms, wait)
            except BlockingIOError:
                return NOT_YET
            except OSError as error:
                return Verdict(form="eager", reason=f"packages cannot be kept: {error}"[:LAST_WORDS])
        if verdict.form != "eager":
            try:
                predictor.engine = load(home, predictor.engine.network, verdict.batch, device)
            except OSError as error:
                return Verdict(form="eager", reason=f"the package cannot be unpacked: {error}"[:LAST_WORDS])
            except RuntimeError as error:
                shutil.rmtree(home, ignore_errors=True)  # compiled anew by the next process
                return Verdict(form="eager", reason=f"the compiled package is damaged: {error}"[:LAST_WORDS])
        return verdict

    def _compile(
        self, home: Path, predictor: Predictor, weights: dict[str, Path], forms: list[Form], wait: bool
    ) -> Verdict:
        with _alone(home, wait):
            if not self._again and (verdict := Verdict.read(home)):  # another process was faster
                return verdict
            for left in home.parent.glob(f".{home.name}-*"):  # by a process that was killed
                shutil.rmtree(left, ignore_errors=True)
            with tempfile.TemporaryDirectory(
                dir=home.parent, prefix=f".{home.name}-", ignore_cleanup_errors=True
            ) as scratch:
                request = Request(
                    specs=list(predictor.specs),
                    weights=weights,
                    device=str(predictor.engine.device),
                    threads=self._threads,
                    forms=forms,
                    folder=Path(scratch),
                )
                verdict = _in_a_child(request)
                home.mkdir(exist_ok=True)
                Verdict.forget(home)
                if verdict.form != "eager":
                    (Path(scratch) / PACKAGE).replace(home / PACKAGE)
            verdict.write(home)  # last: a folder with a verdict is whole
            return verdict


def _in_a_child(request: Request) -> Verdict:
    """The verdict of a compilation, also of one that failed or did not end. The compilers are told no password."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TAGMILL_")}
    environment["TORCHINDUCTOR_CACHE_DIR"] = str(request.folder / "inductor")
    command = [sys.executable, "-m", "models.compile.child"]
    try:
        done = subprocess.run(
            command,
            input=request.model_dump_json(),
            env=environment,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Verdict(form="eager", reason=f"compiling failed: {error}"[:LAST_WORDS])
    if (verdict := Verdict.read(request.folder)) and done.returncode == 0:
        return verdict
    return Verdict(form="eager", reason=f"compiling failed: {_last_line(done)}")


def _last_line(done: subprocess.CompletedProcess[str]) -> str:
    lines = done.stderr.strip().splitlines()
    return (lines[-1] if lines else f"the compiling process ended with {done.returncode}")[:LAST_WORDS]


def _forms(mode: Mode, device: torch.device) -> list[Form]:
    """The forms to try, the fastest first."""
    if mode == "fp32":
        return ["fp32"]
    if device.type == "cuda":
        return ["bf16" if half_type(device) is torch.bfloat16 else "fp16", "fp32"]
    usual: list[Form] = ["bf16", "fp32"] if has_bf16() else ["fp32"]
    return ["int8", *usual] if mode == "int8" else usual


def _no_compiler() -> str:
    names = [os.environ["CXX"]] if "CXX" in os.environ else ["g++", "clang++"]
    return "" if any(shutil.which(name) for name in names) else "there is no C++ compiler; install g++"


def _key(predictor: Predictor, forms: list[Form], threads: int) -> str:
    """One name for all that the package depends on: the network, our code, torch's, and the processor."""
    device = predictor.engine.device
    parts = [
        [_identity(spec) for spec in predictor.specs],
        [forms, threads, platform.machine(), _instructions()],
        [version(library) for library in ("torch", "torchvision")],
        _version_of_torchao() if "int8" in forms else "",
        torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        _code(),
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def _version_of_torchao() -> str:
    try:
        return version("torchao")
    except PackageNotFoundError:
        return "missing"


def _instructions() -> str:
    """What the processor knows, since packages are built for just this one."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    flags = next((line for line in lines if line.startswith(("flags", "Features"))), "")
    return " ".join(sorted(flags.split())) or torch.backends.cpu.get_cpu_capability()


def _identity(spec: ModelSpec) -> dict[str, Any]:
    plain = spec.model_dump(mode="json", include={"task", "builder", "labels", "preprocessing", "options"})
    return {**plain, "weights": spec.sha256 or spec.weights}


@cache
def _code() -> str:
    """Our code that networks are made of: an altered one must not run as it was compiled before."""
    files = sorted(file for folder in (".", "compile", "starter") for file in (MODELS / folder).glob("*.py"))
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()


@contextmanager
def _alone(home: Path, wait: bool) -> Iterator[None]:
    """One process at a time compiles for `home`; the others `wait` and then find it done, or raise BlockingIOError."""
    home.parent.mkdir(parents=True, exist_ok=True)
    with (home.parent / f"{home.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
