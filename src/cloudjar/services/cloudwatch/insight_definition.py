"""What a Contributor Insights rule looks for. Source: "Contributor Insights rule syntax" in the CloudWatch user guide."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from cloudjar.services.cloudwatch import errors

MOST_KEYS = MOST_FILTERS = 4
MOST_VALUES = 10
_FIELD = re.compile(r'\[[^\]]*\]|"(?:[^"\\]|\\.)*"|\S+')
_STEP = re.compile(r"\.?([^.\[\]]+)|\[(\d+)\]")
Fields = Callable[[str], Any]


class Definition:
    """A rule's definition; InvalidParameterValue if it is none."""

    def __init__(self, text: str) -> None:
        try:
            body = json.loads(text)
        except (ValueError, RecursionError):
            raise _problem("it is not valid JSON") from None
        if not isinstance(body, dict) or body.get("Schema") != {"Name": "CloudWatchLogRule", "Version": 1}:
            raise _problem('its Schema must be {"Name": "CloudWatchLogRule", "Version": 1}')
        names = body.get("LogGroupNames")
        if not _is_texts(names) or not names:
            raise _problem("LogGroupNames must be a list of names")
        self.groups: list[str] = names
        self.is_json = body.get("LogFormat") == "JSON"
        if body.get("LogFormat") not in ("JSON", "CLF"):
            raise _problem("LogFormat must be JSON or CLF")
        fields = body.get("Fields", {})
        if not isinstance(fields, dict) or not all(isinstance(name, str) and at.isdecimal() for at, name in fields.items()):
            raise _problem("Fields must give names to the numbers of fields")
        self._numbers = {name: int(at) - 1 for at, name in fields.items()}
        contribution = body.get("Contribution")
        if not isinstance(contribution, dict) or not _is_texts(contribution.get("Keys")) or not 1 <= len(contribution["Keys"]) <= MOST_KEYS:
            raise _problem(f"Contribution must have 1 to {MOST_KEYS} Keys")
        self.keys: list[str] = contribution["Keys"]
        self.aggregate = body.get("AggregateOn", "Count")
        if self.aggregate not in ("Count", "Sum"):
            raise _problem("AggregateOn must be Count or Sum")
        self._value = contribution.get("ValueOf")
        if self.aggregate == "Sum" and not isinstance(self._value, str):
            raise _problem("Contribution must have ValueOf where AggregateOn is Sum")
        filters = contribution.get("Filters", [])
        if not isinstance(filters, list) or len(filters) > MOST_FILTERS:
            raise _problem(f"Filters must be a list of at most {MOST_FILTERS}")
        self._filters = [self._filter(one) for one in filters]
        for name in [*self.keys, *([self._value] if isinstance(self._value, str) else [])]:
            self._check_field(name)

    def _check_field(self, name: Any) -> None:
        if not isinstance(name, str) or (self.is_json and not name.startswith("$.")):
            raise _problem(f"{name} is no field: fields of JSON start with $.")
        if not self.is_json and name not in self._numbers:
            raise _problem(f"{name} is none of the Fields")

    def _filter(self, given: Any) -> tuple[str, Callable[[Any], bool]]:
        if not isinstance(given, dict) or len(given) != 2 or "Match" not in given:
            raise _problem("a filter must have Match and one operator")
        self._check_field(given["Match"])
        operator = next(name for name in given if name != "Match")
        make, fits = _OPERATORS.get(operator, (None, None))
        wanted = given[operator]
        if make is None or fits is None or not fits(wanted):
            raise _problem(f"{operator} is no operator, or its value does not fit")
        return given["Match"], make(wanted)

    def contribution(self, message: str) -> tuple[tuple[str, ...], float] | None:
        """Who contributes what with a log event; None if nobody does."""
        get = self._of_json(message) if self.is_json else self._of_fields(message)
        if get is None or not all(test(get(name)) for name, test in self._filters):
            return None
        found = tuple(get(name) for name in self.keys)
        if any(value is None for value in found):
            return None
        value = _number(get(self._value)) if isinstance(self._value, str) and self.aggregate == "Sum" else 1.0
        return None if value is None else (tuple(_text(one) for one in found), value)

    def _of_fields(self, message: str) -> Fields:
        values = [part[1:-1] if part[0] in '"[' and len(part) > 1 else part for part in _FIELD.findall(message)]
        return lambda name: values[at] if (at := self._numbers[name]) < len(values) else None

    def _of_json(self, message: str) -> Fields | None:
        try:
            body = json.loads(message)
        except (ValueError, RecursionError):
            return None

        def get(name: str) -> Any:
            value = body
            for step in _STEP.finditer(name[1:]):
                key, index = step.groups()
                if key is not None:
                    value = value.get(key) if isinstance(value, dict) else None
                else:
                    value = value[int(index)] if isinstance(value, list) and int(index) < len(value) else None
            return value

        return get


def _problem(message: str) -> Exception:
    return errors.invalid_value(f"The RuleDefinition is not valid: {message}.")


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _is_list(value: Any) -> bool:
    return isinstance(value, list) and 1 <= len(value) <= MOST_VALUES


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_scalar(value: Any) -> bool:
    return isinstance(value, str) or _is_number(value)


def _number(value: Any) -> float | None:
    try:
        return None if isinstance(value, bool) or value is None else float(value)
    except (TypeError, ValueError):
        return None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def _compared(compare: Callable[[float, float], bool]) -> Callable[[Any], Callable[[Any], bool]]:
    return lambda wanted: lambda value: (number := _number(value)) is not None and compare(number, wanted)


def _equal(wanted: Any) -> Callable[[Any], bool]:
    number = float(wanted) if _is_number(wanted) else None
    return lambda value: value is not None and (_number(value) == number if number is not None else _text(value) == wanted)


def _among(wanted: list[Any]) -> Callable[[Any], bool]:
    tests = [_equal(one) for one in wanted]
    return lambda value: any(test(value) for test in tests)


_OPERATORS: dict[str, tuple[Callable[[Any], Callable[[Any], bool]], Callable[[Any], bool]]] = {
    "In": (_among, _is_list),
    "NotIn": (lambda wanted: lambda value, test=_among(wanted): value is not None and not test(value), _is_list),  # type: ignore[misc]
    "StartsWith": (lambda wanted: lambda value: isinstance(value, str) and value.startswith(tuple(wanted)), _is_texts),
    "GreaterThan": (_compared(lambda a, b: a > b), _is_number),
    "LessThan": (_compared(lambda a, b: a < b), _is_number),
    "EqualTo": (_equal, _is_scalar),
    "NotEqualTo": (lambda wanted: lambda value, test=_equal(wanted): value is not None and not test(value), _is_scalar),  # type: ignore[misc]
    "IsPresent": (lambda wanted: lambda value: (value is not None) == wanted, lambda wanted: isinstance(wanted, bool)),
}
