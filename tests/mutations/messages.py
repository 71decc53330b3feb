"""Messages that nobody of ours sent, and weights that are more than numbers."""

from __future__ import annotations

from tests.mutations.mutation import Mutation

SEALING = "tests/workers/test_sealing.py"
WEIGHTS = "tests/models/test_weights.py"
CACHE = "tests/workers/test_model_cache.py"

MUTATIONS: tuple[Mutation, ...] = (
    Mutation(
        "no seal",
        "workers/sealing.py",
        "if not hmac.compare_digest(seal, self._digits(where, value)):",
        "if False:",
        f"{SEALING}::test_a_forged_message_is_taken_off_the_queue_and_the_next_one_comes",
    ),
    Mutation(
        "a seal that says nothing of the place",
        "workers/sealing.py",
        'place + b"\\0" + value',
        "value",
        f"{SEALING}::test_a_message_of_one_queue_is_none_of_another",
    ),
    Mutation(
        "what is not acknowledged is believed",
        "workers/sealing.py",
        "return opened(self.seal, _UNACKED, reply)",
        'return reply[reply.index(b"[") :]',
        f"{SEALING}::test_what_is_not_acknowledged_comes_back_and_nothing_that_was_put_there_beside_it",
    ),
    Mutation(
        "remote control for everybody",
        "workers/sealing.py",
        "value = opened(self._seal, channel, sealed)",
        'value = sealed[sealed.index(b"{") :]',
        f"{SEALING}::test_remote_control_is_ours_alone",
    ),
    Mutation(
        "no limit of a message",
        "workers/sealing.py",
        "if len(sealed) > LONGEST:",
        "if False:",
        f"{SEALING}::test_what_is_too_long_is_not_even_hashed",
    ),
    Mutation(
        "Celery's own tasks",
        "workers/celery_app.py",
        "sender.tasks.unregister(name)",
        "pass",
        f"{SEALING}::test_none_of_celerys_own_tasks_is_there",
    ),
    Mutation(
        "arguments of any kind",
        "workers/tasks.py",
        'self.arguments.model_validate(kwargs | {"args": args} if args else kwargs)',
        "pass",
        "tests/acceptance/test_forged_messages.py",
    ),
    Mutation(
        "pickles that libraries load",
        "models/__init__.py",
        'os.environ["TORCH_FORCE_WEIGHTS_ONLY_LOAD"] = "1"',
        "del os",
        f"{WEIGHTS}::test_the_cache_of_published_weights_is_not_believed",
    ),
    Mutation(
        "weights of any size",
        "models/weights_limits.py",
        "if size > LARGEST:",
        "if False:",
        f"{WEIGHTS}::test_a_file_that_is_too_large_is_not_even_hashed",
    ),
    Mutation(
        "weights from a device",
        "models/weights_limits.py",
        "if not path.is_file():",
        "if False:",
        f"{WEIGHTS}::test_a_device_that_never_ends",
    ),
    Mutation(
        "archives that unpack to more",
        "models/weights_limits.py",
        "if packed or sum(entry.file_size for entry in entries) > size or named > LONGEST_HEADER:",
        "if False:",
        f"{WEIGHTS}::test_an_archive_that_unpacks_to_more",
    ),
    Mutation(
        "one number for billions",
        "models/weights_limits.py",
        "if needed > min(LARGEST, WIDENED * path.stat().st_size + _SLACK):",
        "if False:",
        f"{WEIGHTS}::test_one_number_that_stands_for_billions",
    ),
    Mutation(
        "networks of any size",
        "models/weights_limits.py",
        "if values * 4 > LARGEST:",
        "if False:",
        f"{WEIGHTS}::test_options_that_make_a_network_too_large",
    ),
    Mutation(
        "encoders from a hub",
        "models/spec.py",
        "default=None, pattern=ENCODER, description=",
        "default=None, description=",
        "tests/models/test_spec.py::test_wrong_specs",
    ),
    Mutation(
        "weights of the store unchecked",
        "workers/registry.py",
        "if found != version.weights_sha256:",
        "if False:",
        f"{CACHE}::test_weights_that_somebody_replaced_in_the_store_are_refused",
    ),
    Mutation(
        "weights on disk unchecked",
        "workers/registry.py",
        "if path.exists() and sha256_of(path) == version.weights_sha256:",
        "if path.exists():",
        f"{CACHE}::test_what_somebody_altered_on_disk_is_fetched_anew",
    ),
    Mutation(
        "packages that others could write",
        "models/compile/private.py",
        "if found.st_mode & 0o022:",
        "if False:",
        "tests/models/compile/test_private.py::test_what_lay_in_a_folder_that_others_could_write_is_not_kept",
    ),
    Mutation(
        "packages in a folder that is a link",
        "models/compile/private.py",
        "found = folder.lstat()",
        "found = folder.stat()",
        "tests/models/compile/test_private.py::test_a_folder_that_is_none_is_left_alone_and_networks_run_eager",
    ),
    Mutation(
        "YAML that means more than it says",
        "models/plain_yaml.py",
        "if seen + len(waiting) > MOST_VALUES:",
        "if False:",
        "tests/models/test_plain_yaml.py::test_too_much",
    ),
)
