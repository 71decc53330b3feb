"""What shoppers did: loaded from files, told one by one, forgotten.

| code | the row |
|---|---|
| `missing_shopper`, `bad_shopper` | names no shopper, or one with a line break or a mark of writing direction |
| `missing_sku`, `bad_sku`, `unknown_sku` | names no product of this catalog |
| `missing_kind`, `bad_kind` | says neither view, cart nor purchase |
| `missing_happened_at`, `bad_happened_at` | says no time, or none that can be read without guessing |
| `future` | says a time that is still to come |

Codes of files are those of `catalog.manifests`.
"""

from catalog.interactions.forgetting import forget
from catalog.interactions.loading import Loaded, load
from catalog.interactions.recording import Recorded, record
from catalog.interactions.rows import Interaction, read, shopper_name

__all__ = ["Interaction", "Loaded", "Recorded", "forget", "load", "read", "record", "shopper_name"]
