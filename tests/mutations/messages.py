"""Messages that nobody of ours sent, and weights that are more than numbers."""

from __future__ import annotations

from tests.mutations.mutation import Mutation

MUTATIONS: tuple[Mutation, ...] = ()
