"""What must not be told, and what must not be installed."""

from __future__ import annotations

from tests.mutations.mutation import Mutation

REDACTION = "tests/workers/test_redaction.py"
LOCKED = "tests/supply/test_locked.py"

MUTATIONS = (
    Mutation(
        "a password is a plain setting",
        "workers/settings.py",
        "    s3_secret_key: SecretStr\n",
        "    s3_secret_key: str\n",
        f"{REDACTION}::test_settings_show_no_secret",
    ),
    Mutation(
        "errors of settings show what was set",
        "workers/settings.py",
        ", hide_input_in_errors=True",
        "",
        "tests/workers/test_settings.py::test_a_wrong_setting_is_refused_without_showing_any",
    ),
    Mutation(
        "half a password is a host",
        "workers/written.py",
        'parts.netloc.count("@") <= 1 and ',
        "",
        "tests/workers/test_settings.py::test_a_password_that_would_be_read_as_a_place_is_refused",
    ),
    Mutation(
        "an address that is shown holds a password",
        "workers/settings.py",
        'if value and "@" in value:',
        "if not value and value:",
        "tests/workers/test_settings.py::test_a_password_that_would_be_read_as_a_place_is_refused",
    ),
    Mutation(
        "no last net under the logs",
        "workers/logs.py",
        "            Redactor(config).process,\n",
        "",
        f"{REDACTION}::test_neither_ours_nor_a_library_logs_a_secret",
    ),
    Mutation(
        "a secret in JSON slips through",
        "workers/redaction.py",
        'yield from (plain, json.dumps(plain)[1:-1], quote(plain, safe=""))',
        "yield plain",
        f"{REDACTION}::test_a_secret_is_masked_however_it_is_written",
    ),
    Mutation(
        "tracebacks show variables",
        "workers/logs.py",
        "exception_formatter=structlog.dev.plain_traceback",
        "exception_formatter=structlog.dev.RichTracebackFormatter(show_locals=True)",
        f"{REDACTION}::test_a_traceback_shows_no_values",
    ),
    Mutation(
        "errors of Postgres show values",
        "workers/runtime.py",
        "hide_parameters=True",
        "hide_parameters=False",
        f"{REDACTION}::test_an_error_of_postgres_shows_no_values",
    ),
    Mutation(
        "OpenTelemetry logs a collector's password",
        "workers/tracing.py",
        "if not all(map(_HEADER.fullmatch, headers)):",
        "if not headers:",
        "tests/workers/test_tracing.py::test_headers_that_are_none_are_refused_unseen",
    ),
    Mutation(
        "a backup for everybody",
        "workers/backup/folder.py",
        "            path.chmod(0o600)",
        "            str(0o600)",
        "tests/workers/test_backup_secrets.py::test_in_a_folder_that_was_there_the_files_are_the_owners_alone",
    ),
    Mutation(
        "a failed restore shows its row",
        "workers/backup/postgres.py",
        'if not line.startswith(("DETAIL:", "CONTEXT:"))',
        "if line",
        "tests/workers/test_backup_secrets.py::test_the_row_at_which_postgres_failed_is_not_shown",
    ),
    Mutation(
        "a password among the arguments of pg_dump",
        "workers/backup/postgres.py",
        'settings.pop("password", None)',
        'settings.get("password")',
        "tests/workers/test_backup_secrets.py::test_the_password_is_no_argument",
    ),
    Mutation(
        "the store's keys among its arguments",
        "workers/embedded/s3.py",
        """        env = {"RCLONE_AUTH_KEY": f'"{self.access_key},{self.secret_key}"'}\n""",
        """        env, argv = {}, [*argv, f'--auth-key={self.access_key},{self.secret_key}']\n""",
        "tests/services/test_embedded.py::test_secrets_are_no_arguments_and_lie_in_private_files",
    ),
    Mutation(
        "compilers are told passwords",
        "models/compile/compiler.py",
        ' if not name.startswith("TAGMILL_")',
        "",
        "tests/models/compile/test_compiler.py::test_compilers_are_told_no_password",
    ),
    Mutation(
        "a lock without hashes is installed",
        "Makefile",
        "--require-hashes --only-binary",
        "--only-binary",
        f"{LOCKED}::test_what_is_not_as_locked_is_refused",
    ),
    Mutation(
        "the image builds what it fetches",
        "Dockerfile",
        "--only-binary :all: ",
        "",
        f"{LOCKED}::test_what_is_not_as_locked_is_refused",
    ),
    Mutation(
        "a dependency that nobody locked",
        "pyproject.toml",
        '    "uvicorn>=0.34",\n',
        '    "uvicorn>=0.34",\n    "pyjokes>=0.6",\n',
        f"{LOCKED}::test_every_dependency_is_locked_within_its_bounds",
    ),
)
