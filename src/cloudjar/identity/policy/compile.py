"""A policy document, compiled: built once, kept by whoever caches it, and matched many times."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cloudjar.identity.policy.conditions import ArnPattern, Test, compile_condition
from cloudjar.identity.policy.glob import Context, Glob, glob
from cloudjar.identity.policy.grammar import Kind, PolicyDocument, Principals, Statement, parse

ActionTest = Callable[[str, str, str], bool]
"""(whole, service, name), in lower case."""


class CompiledStatement:
    """One statement's matchers."""

    __slots__ = ("allow", "conditions", "index", "not_principals", "principals", "sid", "takes_action", "takes_resource")

    def __init__(self, statement: Statement, index: int, variables: bool) -> None:
        self.index = index
        self.sid = statement.sid
        self.allow = statement.allow
        self.takes_action = _actions(statement.actions, statement.not_actions)
        self.takes_resource = _resources(statement.resources, statement.not_resources, variables)
        self.principals: Principals | None = statement.principals
        self.not_principals: Principals | None = statement.not_principals
        self.conditions: tuple[Test, ...] = tuple([compile_condition(each, variables=variables) for each in statement.conditions])

    def applies(self, resource: str, parts: Sequence[str], context: Context) -> bool:
        """Whether resource and conditions match; the action is asked first, by `CompiledPolicy.candidates`."""
        if self.takes_resource is not None and not self.takes_resource(resource, parts, context):
            return False
        # A loop: `all` over a generator costs more than most conditions.
        for condition in self.conditions:  # noqa: SIM110
            if not condition(context):
                return False
        return True


class CompiledPolicy:
    """A policy's statements, denials first."""

    __slots__ = ("statements",)

    def __init__(self, document: PolicyDocument) -> None:
        # Variables came with the later version; in the older one, "${" is text.
        variables = document.version == "2012-10-17"
        found = [CompiledStatement(statement, index, variables) for index, statement in enumerate(document.statements)]
        self.statements = tuple(sorted(found, key=lambda statement: statement.allow))


def compile_policy(document: PolicyDocument) -> CompiledPolicy:
    """The document's matchers. Costs about a hundred times a decision: keep it."""
    return CompiledPolicy(document)


class CompiledPolicies:
    """A bounded cache from documents to their matchers, owned by whoever judges. A document's text is its name."""

    __slots__ = ("_found", "_limit")

    def __init__(self, limit: int = 1024) -> None:
        self._found: dict[tuple[str, Kind], CompiledPolicy] = {}
        self._limit = limit

    def get(self, text: str, kind: Kind) -> CompiledPolicy:
        """The compiled document; PolicyProblem where it breaks the grammar."""
        found = self._found.get((text, kind))
        if found is None:
            if len(self._found) >= self._limit:
                self._found.pop(next(iter(self._found)))
            found = self._found[(text, kind)] = CompiledPolicy(parse(text, kind))
        return found


def _actions(wanted: tuple[str, ...] | None, unwanted: tuple[str, ...] | None) -> ActionTest:
    if wanted is not None:
        return _action_set(wanted)
    refuse = _action_set(unwanted or ())
    return lambda whole, service, name: not refuse(whole, service, name)


def _action_set(patterns: tuple[str, ...]) -> ActionTest:
    """Exact names in a set; wildcards by service, so that a policy of a thousand actions costs what one service's do."""
    exact: set[str] = set()
    by_service: dict[str, list[Glob]] = {}
    anywhere: list[Glob] = []
    for pattern in patterns:
        pattern = pattern.lower()
        if pattern == "*" or pattern == "*:*":
            return lambda whole, service, name: True
        service, _, name = pattern.partition(":")
        if "*" in service or "?" in service:
            anywhere.append(glob(pattern))
        elif "*" in name or "?" in name:
            by_service.setdefault(service, []).append(glob(name))
        else:
            exact.add(pattern)

    def test(whole: str, service: str, name: str) -> bool:
        if whole in exact:
            return True
        for each in by_service.get(service, ()):
            if each.match(name):
                return True
        return bool(anywhere) and any(each.match(whole) for each in anywhere)

    return test


def _resources(
    wanted: tuple[str, ...] | None, unwanted: tuple[str, ...] | None, variables: bool
) -> Callable[[str, Sequence[str], Context], bool] | None:
    """None where there is nothing to ask: trust policies, and "*"."""
    if wanted is None and unwanted is None:
        return None
    patterns = [ArnPattern(pattern, variables=variables) for pattern in wanted or unwanted or ()]
    negated = wanted is None
    if any(pattern.everything for pattern in patterns):
        return (lambda resource, parts, context: False) if negated else None
    exact = frozenset([pattern.exact for pattern in patterns if pattern.exact is not None])
    loose = [pattern for pattern in patterns if pattern.exact is None]

    def test(resource: str, parts: Sequence[str], context: Context) -> bool:
        if resource in exact:
            return not negated
        for pattern in loose:
            if pattern.match(resource, parts, context):
                return not negated
        return negated

    return test
