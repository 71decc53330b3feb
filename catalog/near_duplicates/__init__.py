"""Photos that are crops, recompressions, resizes or recolourings of one another: found, grouped, decided by people.

`compare` sets new photos beside all others, `regroup` numbers groups, `groups` lists them, `decide` takes
people's word.
"""

from catalog.near_duplicates.compare import Found, find
from catalog.near_duplicates.decide import decide, take_back
from catalog.near_duplicates.groups import Group, Grouped, Member, groups

__all__ = ["Found", "Group", "Grouped", "Member", "decide", "find", "groups", "take_back"]
