"""Virtual environments of peers whose packages must not touch Tagmill's, made once and kept."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import NoReturn

REPOSITORY = Path(__file__).resolve().parents[2]
HOMES = "BENCH_PEERS_VENV"


def enter(name: str, requirements: list[str], module: str) -> NoReturn:
    """Goes on in the environment `name`, as `main()` of `module`, with the arguments given.

    The environment is `~/.cache/tagmill-bench/<name>`, or below the folder in `BENCH_PEERS_VENV`. What it does not
    have, such as torch, comes from the environment of the calling Python, which it searches after its own.
    """
    homes = Path(os.environ.get(HOMES) or Path.home() / ".cache" / "tagmill-bench")
    folder = homes.resolve() / name
    python = folder / "bin" / "python"
    _make(folder, python, requirements)
    os.environ["PYTHONPATH"] = str(REPOSITORY)
    # Imported, not run as a script: worker processes find functions by the module's name.
    program = f"import sys; from {module} import main; sys.exit(main())"
    os.execv(python, [str(python), "-c", program, *sys.argv[1:]])


def _make(folder: Path, python: Path, requirements: list[str]) -> None:
    ours = sysconfig.get_path("purelib")
    done = folder / "requirements.txt"
    wanted = "\n".join([*requirements, f"# beside {ours}", ""])
    if done.exists() and done.read_text(encoding="utf-8") == wanted:
        return
    print(f"installing {', '.join(requirements)} into {folder}", file=sys.stderr, flush=True)
    _run(sys.executable, "-m", "venv", "--clear", str(folder))
    _run(str(python), "-m", "pip", "install", "--quiet", *requirements)
    # Only now: pip would take the packages of the other environment for its own.
    site = subprocess.check_output(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], text=True
    )
    Path(site.strip(), "tagmill-bench.pth").write_text(f"{ours}\n", encoding="utf-8")
    done.write_text(wanted, encoding="utf-8")


def _run(*command: str) -> None:
    subprocess.run(command, check=True, stdout=sys.stderr.fileno())
