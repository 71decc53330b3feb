"""All checks, one after the other; one that cannot be made is a finding too."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from models.errors import first_line
from workers.doctor import database, machine, queue, work
from workers.doctor.finding import Finding, judge
from workers.health import probe
from workers.runtime import Runtime

Check = Callable[[Runtime], Iterator[Finding]]

_OF_SERVICE: dict[str, tuple[Check, ...]] = {
    "postgres": (database.check, work.check, queue.check_messages),
    "redis": (queue.check,),
    "s3": (work.check_objects,),
}


def examine(runtime: Runtime) -> Iterator[Finding]:
    """Findings in the order of the checks. Those of a service that does not answer are left out."""
    for service in probe(runtime):
        remedy = "Run `tagmill up`, or look at the service and TAGMILL_* settings."
        yield judge(
            f"{service.name}_answers", service.ok, f"{service.name}: {service.detail}", remedy, "fail"
        )
        if service.ok:
            for check in _OF_SERVICE[service.name]:
                yield from _safely(check, runtime)
    yield from _safely(machine.check, runtime)


def _safely(check: Check, runtime: Runtime) -> Iterator[Finding]:
    try:
        yield from check(runtime)
    except Exception as error:  # noqa: BLE001 - a doctor who faints is no help
        name = check.__module__.rpartition(".")[2]
        yield Finding(
            "check_failed",
            "fail",
            f"the check of {name} failed: {first_line(error)[:200]}",
            "Run `tagmill migrate` if the schema is old; else look at the service's log.",
        )
