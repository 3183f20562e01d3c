"""Composite alarms: rules over other alarms' states."""

from __future__ import annotations

import re

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import not_implemented
from cloudjar.services.cloudwatch import errors
from cloudjar.services.cloudwatch.alarms import COMPOSITE, Alarm

_TOKEN = re.compile(
    r"""\s*(?:(ALARM|OK|INSUFFICIENT_DATA)\s*\(\s*(?:"([^"]+)"|'([^']+)'|([^\s()"']+))\s*\)|(AND|OR|NOT|TRUE|FALSE|\(|\)))"""
)
Token = tuple[str, str]


def children(ctx: Context, rule: str) -> set[str]:
    """The names of the alarms that a rule speaks of; ValidationError if it is no rule."""
    tokens = _tokens(rule)
    _Rule(tokens, {}).parse()
    return {_name(name) for kind, name in tokens if name}


def descendants(ctx: Context, rule: str) -> set[str]:
    """The names of all alarms that a rule depends on."""
    found: set[str] = set()
    waiting = children(ctx, rule)
    while waiting:
        name = waiting.pop()
        alarm = ctx.get(Alarm, name)
        if name not in found and alarm and alarm.kind == COMPOSITE:
            waiting |= children(ctx, alarm.settings["AlarmRule"])
        found.add(name)
    return found


def _name(given: str) -> str:
    """An alarm's name; rules may have ARNs."""
    return given.split(":alarm:", 1)[1] if given.startswith("arn:") and ":alarm:" in given else given


def consider(ctx: Context, alarm: Alarm) -> None:
    """Brings a composite alarm into the state that its rule gives."""
    from cloudjar.services.cloudwatch.states import change

    tokens = _tokens(alarm.settings["AlarmRule"])
    states = {}
    for name in {_name(name) for _, name in tokens if name}:
        child = ctx.get(Alarm, name)
        states[name] = child.state if child else "INSUFFICIENT_DATA"
    state = "ALARM" if _Rule(tokens, states).parse() else "OK"
    if state != alarm.state:
        change(ctx, alarm, state, f"{alarm.name} transitioned to {state}: its rule is {'met' if state == 'ALARM' else 'not met'}", "")


def reconsider(ctx: Context, name: str) -> None:
    """An alarm has changed: so may the composite alarms above it."""
    for alarm in list(ctx.where(Alarm).filtered(lambda alarm: alarm.kind == COMPOSITE and alarm.name != name)):
        if name in children(ctx, alarm.settings["AlarmRule"]):
            current = ctx.get(Alarm, alarm.name)
            if current:
                consider(ctx, current)


def _tokens(rule: str) -> list[Token]:
    found: list[Token] = []
    at, rule = 0, rule.strip()
    while at < len(rule):
        token = _TOKEN.match(rule, at)
        if rule.startswith("AT_LEAST", at):
            raise not_implemented("cloudwatch", "PutCompositeAlarm", "AT_LEAST in AlarmRule")
        if token is None:
            raise errors.validation(f"AlarmRule must not contain invalid syntax: {rule[at : at + 20]}")
        found.append((token[1], token[2] or token[3] or token[4]) if token[1] else (token[5], ""))
        at = token.end()
    return found


class _Rule:
    def __init__(self, tokens: list[Token], states: dict[str, str]) -> None:
        self._tokens = tokens
        self._states = states
        self._at = 0

    def parse(self) -> bool:
        value = self._either()
        if self._at < len(self._tokens):
            raise self._problem()
        return value

    def _problem(self) -> Exception:
        return errors.validation("AlarmRule must not contain invalid syntax")

    def _next_is(self, word: str) -> bool:
        if self._at < len(self._tokens) and self._tokens[self._at] == (word, ""):
            self._at += 1
            return True
        return False

    def _either(self) -> bool:
        value = self._both()
        while self._next_is("OR"):
            value = self._both() or value
        return value

    def _both(self) -> bool:
        value = self._one()
        while self._next_is("AND"):
            value = self._one() and value
        return value

    def _one(self) -> bool:
        if self._next_is("NOT"):
            return not self._one()
        if self._next_is("("):
            value = self._either()
            if not self._next_is(")"):
                raise self._problem()
            return value
        if self._at == len(self._tokens):
            raise self._problem()
        kind, name = self._tokens[self._at]
        self._at += 1
        if kind in ("TRUE", "FALSE"):
            return kind == "TRUE"
        if not name:
            raise self._problem()
        return self._states.get(_name(name)) == kind
