"""What to show a shopper: like what they liked, beside what others took with it, and what is popular there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import sqlalchemy as sa

from catalog.interactions.rows import shopper_name
from catalog.recommend import content, sources
from catalog.recommend.history import Seed, bought_families, history, interests
from catalog.recommend.ranking import Ranked, Ranking, blend, varied
from catalog.recommend.shown import look_up
from catalog.search.hits import Hit

_LOOKED_UP = 200  # the best of what was found; mostly enough, when variants and what was bought are gone
_TOGETHER, _ALIKE, _TAGGED, _POPULAR, _LEAST = 1.0, 1.0, 0.5, 0.5, 0.01


def for_shopper(connection: sa.Connection, shopper: str, *, size: int = 20) -> tuple[Hit, ...]:
    """Up to `size` products, the best first, each with its reasons; none that the shopper bought, in no variant.

    Products that the shopper dealt with of late are left out as well: the page shows them elsewhere. A shopper of whom
    nothing is known gets what is popular. Raises BadShopper.
    """
    name = shopper_name(shopper)
    seeds = history(connection, name)
    without = bought_families(connection, name)
    known = [seed.product_id for seed in seeds]
    rankings = [*_rankings(connection, seeds, known)] if seeds else []
    hits = _hits(connection, blend(rankings)[:_LOOKED_UP], size, without)
    if len(hits) == size:
        return hits
    rankings.append(Ranking(_LEAST, sources.popular_anywhere(connection, known)))
    return _hits(connection, blend(rankings), size, without)


def knows(connection: sa.Connection, shopper: str) -> bool:
    """Whether the shopper did anything here. Raises BadShopper."""
    return bool(connection.scalar(_KNOWS, {"shopper": shopper_name(shopper)}))


def _rankings(connection: sa.Connection, seeds: Sequence[Seed], known: Sequence[int]) -> Iterator[Ranking]:
    wanted = interests(seeds)
    found: dict[int, None] = {}
    for interest, products in zip(wanted, content.alike(connection, wanted, known), strict=True):
        found |= dict.fromkeys(products)
        yield Ranking(_ALIKE * interest.share, dict.fromkeys(products, interest.seeds[0].because))
    taken = sources.together(connection, seeds, known)
    yield Ranking(_TOGETHER, taken)
    categories = [interest.seeds[0].category for interest in wanted]
    liked = sources.popular_in(connection, [one for one in categories if one is not None], known)
    yield Ranking(_POPULAR, liked)
    alike = content.tagged(connection, seeds, [*found, *taken, *liked])
    yield Ranking(_TAGGED, dict.fromkeys(alike, ""))


def _hits(
    connection: sa.Connection, ranked: Sequence[Ranked], size: int, without: frozenset[str]
) -> tuple[Hit, ...]:
    shown = look_up(connection, (one.product_id for one in ranked))
    chosen = varied(ranked, shown, size, without)
    return tuple(shown[one.product_id].hit(one.score, one.reasons) for one in chosen)


_KNOWS = sa.text("SELECT EXISTS (SELECT FROM interactions WHERE shopper = :shopper)")
