"""Strangers' bytes, millions of them: `make fuzz` runs it for ten minutes, the default tests for some seconds.

    python -m tests.fuzz --minutes 10            all targets, on all cores
    python -m tests.fuzz.again .fuzz/FILE        what was found, once more

A *target* (`targets/`) says what must hold for any bytes, and gives whole files to begin with (`seeds/`). A *child*
process hands it one case after another under a watch (`watch.py`): one mutates the seeds (`mutated.py`), another is
guided by the coverage of the code (`guided.py`, atheris). `run.py` divides the time, and keeps what ended a child.
"""
