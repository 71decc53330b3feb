"""What to show a shopper: like what they liked, beside what others took with it, and what is popular there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

import sqlalchemy as sa

from catalog.interactions.rows import shopper_name
from catalog.recommend import content, sources
from catalog.recommend.history import Seed, bought_families, history, interests
from catalog.recommend.ranking import Ranking, blend, reasons, varied
from catalog.recommend.shown import look_up
from catalog.search.hits import Hit

_LOOKED_UP = 120  # the best of what was found; mostly enough, when variants and what was bought are gone
_FULL, _LEAST = 1.0, 0.001  # of a source; the least goes behind all that has another reason


def for_shopper(connection: sa.Connection, shopper: str, *, size: int = 20) -> tuple[Hit, ...]:
    """Up to `size` products, the best first, each with its reasons; none that the shopper bought, in no variant.

    Products that the shopper dealt with of late are left out as well: the page shows them elsewhere. A shopper of whom
    nothing is known gets what is popular. Raises BadShopper.
    """
    name = shopper_name(shopper)
    seeds = history(connection, name)
    without = bought_families(connection, name)
    known = [seed.product_id for seed in seeds]
    rankings = [*_rankings(connection, seeds, known)]
    best = [*blend(rankings)][:_LOOKED_UP]
    rankings.append(Ranking(_FULL, dict.fromkeys(content.tagged(connection, seeds, best), "")))
    hits = _hits(connection, rankings, size, without, _LOOKED_UP)
    if len(hits) == size:
        return hits
    named = {product_id for ranking in rankings for product_id in ranking.reasons}
    rankings.append(Ranking(_LEAST, sources.popular_anywhere(connection, [*known, *named])))
    return _hits(connection, rankings, size, without)


def knows(connection: sa.Connection, shopper: str) -> bool:
    """Whether the shopper did anything here. Raises BadShopper."""
    return bool(connection.scalar(_KNOWS, {"shopper": shopper_name(shopper)}))


def _rankings(connection: sa.Connection, seeds: Sequence[Seed], known: Sequence[int]) -> Iterator[Ranking]:
    yield Ranking(_FULL, sources.together(connection, seeds, known))
    wanted = interests(seeds)
    for interest, products in zip(wanted, content.alike(connection, wanted, known), strict=True):
        yield Ranking(_FULL * interest.share, dict.fromkeys(products, interest.seeds[0].because))
    categories = [interest.seeds[0].category for interest in wanted]
    liked = sources.popular_in(connection, [one for one in categories if one is not None], known)
    yield Ranking(_FULL, liked)


def _hits(
    connection: sa.Connection,
    rankings: Sequence[Ranking],
    size: int,
    without: frozenset[str],
    limit: int | None = None,
) -> tuple[Hit, ...]:
    """Chosen among the best `limit` products that the sources named."""
    scores = dict(islice(blend(rankings).items(), limit))
    shown = look_up(connection, scores)
    chosen = varied(scores, shown, size, without)
    return tuple(shown[one].hit(scores[one], reasons(rankings, one)) for one in chosen)


_KNOWS = sa.text("SELECT EXISTS (SELECT FROM interactions WHERE shopper = :shopper)")
