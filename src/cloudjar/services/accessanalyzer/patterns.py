"""Patterns with `*` and `?` against each other: does one lie within another, do two meet?"""

from __future__ import annotations

from functools import lru_cache


@lru_cache(maxsize=8192)
def within(inner: str, outer: str) -> bool:
    """Whether whatever `inner` matches, `outer` matches too. Says no where it cannot tell."""
    rows = [False] * (len(outer) + 1)
    rows[0] = True
    for position in range(1, len(outer) + 1):
        rows[position] = rows[position - 1] and outer[position - 1] == "*"
    for letter in inner:
        above, rows = rows, [False] * (len(outer) + 1)
        for position, wanted in enumerate(outer, 1):
            if wanted == "*":
                rows[position] = rows[position - 1] or above[position]
            elif wanted == "?":
                # A star within may stand for nothing, or for more than one letter.
                rows[position] = letter != "*" and above[position - 1]
            else:
                rows[position] = letter == wanted and above[position - 1]
        rows[0] = False
    return rows[-1]


@lru_cache(maxsize=8192)
def meet(one: str, other: str) -> bool:
    """Whether some text matches both."""
    reached = {(0, 0)}
    waiting = [(0, 0)]
    while waiting:
        i, j = waiting.pop()
        if i == len(one) and j == len(other):
            return True
        a, b = one[i : i + 1], other[j : j + 1]
        following = []
        if a == "*":
            following.append((i + 1, j))
        if b == "*":
            following.append((i, j + 1))
        if a and b and (a in "*?" or b in "*?" or a == b):
            following += [(i if a == "*" else i + 1, j if b == "*" else j + 1)]
        for state in following:
            if state not in reached:
                reached.add(state)
                waiting.append(state)
    return False
