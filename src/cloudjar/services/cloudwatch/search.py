"""SEARCH: which metrics an expression such as `{AWS/EC2,InstanceId} MetricName="CPUUtilization" OR Disk` finds.

Source: "CloudWatch search expression syntax" in the user guide. Terms side by side must all hold; AND, OR, NOT and parentheses join them,
also the values of one key: `MetricName=(CPU OR Disk)`. Quoted terms are a whole value, others a part of one, in any case of letters.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from cloudjar.kernel.context import Context
from cloudjar.services.cloudwatch import errors
from cloudjar.services.cloudwatch.metrics import Metric

Test = Callable[[dict[str, str]], bool]
_SCHEMA = re.compile(r"""\s*\{((?:"[^"]*"|[^}"])*)\}(.*)""", re.DOTALL)
_TOKEN = re.compile(r"""\s*(?:([()=])|"([^"]*)"|'([^']*)'|([^\s()="']+))""")


def matching(ctx: Context, text: str) -> list[Metric]:
    """The metrics that a search finds; ValidationError if it is none."""
    schema = _SCHEMA.fullmatch(text)
    names = [name.strip().strip('"') for name in schema[1].split(",")] if schema else []
    terms = schema[2] if schema else text
    if not names and not terms.strip():
        raise errors.validation("Error in expression: SEARCH needs a schema or a term")
    test = _Parser(terms).parse()
    rows = ctx.where(Metric, namespace=names[0]) if names else ctx.where(Metric)
    found = []
    for metric in rows:
        pairs = {pair["Name"]: pair["Value"] for pair in metric.pairs}
        if names and sorted(pairs) != sorted(names[1:]):
            continue
        if test({"MetricName": metric.name, "Namespace": metric.namespace} | pairs):
            found.append(metric)
    return found


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, bool]] = []
        """(text, whether it was quoted)."""
        text, at = text.strip(), 0
        while at < len(text):
            found = _TOKEN.match(text, at)
            if found is None:
                raise self._problem(text[at:])
            quoted = found[2] if found[2] is not None else found[3]
            self._tokens.append((quoted, True) if quoted is not None else (found[1] or found[4], False))
            at = found.end()
        self._at = 0

    def _problem(self, text: str) -> Exception:
        return errors.validation(f"Error in expression: invalid SEARCH syntax at '{text[:20]}'")

    def _peek(self, ahead: int = 0) -> tuple[str, bool] | None:
        at = self._at + ahead
        return self._tokens[at] if at < len(self._tokens) else None

    def _take(self, word: str) -> bool:
        if self._peek() == (word, False):
            self._at += 1
            return True
        return False

    def parse(self) -> Test:
        if not self._tokens:
            return lambda fields: True
        test = self._either("")
        if self._at < len(self._tokens):
            raise self._problem(self._tokens[self._at][0])
        return test

    def _either(self, key: str) -> Test:
        tests = [self._both(key)]
        while self._take("OR"):
            tests.append(self._both(key))
        return lambda fields: any(test(fields) for test in tests)

    def _both(self, key: str) -> Test:
        tests = [self._one(key)]
        while self._peek() not in (None, (")", False), ("OR", False)):
            self._take("AND")
            tests.append(self._one(key))
        return lambda fields: all(test(fields) for test in tests)

    def _one(self, key: str) -> Test:
        if self._take("NOT"):
            inner = self._one(key)
            return lambda fields: not inner(fields)
        if self._take("("):
            test = self._either(key)
            if not self._take(")"):
                raise self._problem("the end: ) is missing")
            return test
        token = self._peek()
        if token is None or token in ((")", False), ("=", False)):
            raise self._problem(token[0] if token else "the end")
        self._at += 1
        if self._take("="):
            return self._one(token[0])
        return _holds(key, *token)


def _holds(key: str, wanted: str, whole: bool) -> Test:
    low = wanted.lower()

    def test(fields: dict[str, str]) -> bool:
        values = [fields[key]] if key in fields else [] if key else [*fields, *fields.values()]
        return any(value == wanted if whole else low in value.lower() for value in values)

    return test
