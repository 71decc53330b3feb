"""Any request that the OpenAPI document allows, and many that it does not: never a 5xx, and answers as documented."""

from __future__ import annotations

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.workers.web.conftest import Visit
from tests.workers.web.shelf import fill
from workers.runtime import Runtime
from workers.web.app import OPENAPI

EXAMPLES = 8
CHECKS = (not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance)
BOUNDS = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def test_no_request_makes_it_stumble(visit: Visit, runtime: Runtime) -> None:
    fill(runtime)
    visitor = visit(web_rate="100000", web_hosts="testserver")
    document = schemathesis.openapi.from_asgi(OPENAPI, visitor.app)
    asked = 0

    def ask(case: schemathesis.Case) -> None:
        nonlocal asked
        asked += 1
        case.validate_response(case.call(), checks=list(CHECKS))

    for operation in document.get_all_operations():
        for mode in GenerationMode:
            cases = operation.ok().as_strategy(generation_mode=mode)
            BOUNDS(given(case=cases)(ask))()
    assert asked > 20 * EXAMPLES
