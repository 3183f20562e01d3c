"""The processors of log transformers: pure functions from one event to its transformed version.

Source: "Processors that you can use" in the CloudWatch Logs user guide.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from cloudjar.services.logs import errors, java_times
from cloudjar.services.logs.grok import compile_grok

MESSAGE = "@message"
_INDEX = re.compile(r"^(.*?)\[(\d+)\]$")
Event = dict[str, Any]
Step = Callable[[Event], None]


def steps(path: str) -> list[str | int]:
    """A path such as "a.b[0].c" as what leads there, one after the other."""
    found: list[str | int] = []
    for part in path.split("."):
        indexes: list[int] = []
        while match := _INDEX.match(part):
            part = match[1]
            indexes.insert(0, int(match[2]))
        found += [part, *indexes]
    return found


def get(event: Event, path: str) -> Any:
    """What a path leads to, or None."""
    if path == MESSAGE:
        return event.get(MESSAGE)
    value: Any = event
    for step in steps(path):
        if isinstance(step, int):
            value = value[step] if isinstance(value, list) and step < len(value) else None
        else:
            value = value.get(step) if isinstance(value, dict) else None
    return value


def put(event: Event, path: str, value: Any) -> None:
    """Sets what a path leads to; makes the maps on the way, and leaves alone what is no map."""
    *way, last = steps(path)
    at: Any = event
    for step in way:
        if isinstance(step, int):
            at = at[step] if isinstance(at, list) and step < len(at) else None
        elif isinstance(at, dict):
            at = at.setdefault(step, {})
        else:
            return
    if isinstance(last, int):
        if isinstance(at, list) and last < len(at):
            at[last] = value
    elif isinstance(at, dict):
        at[last] = value


def remove(event: Event, path: str) -> None:
    """Removes what a path leads to."""
    *way, last = steps(path)
    at = get(event, ".".join(str(step) for step in way)) if way else event
    if isinstance(at, dict) and isinstance(last, str):
        at.pop(last, None)


def _place(event: Event, path: str | None, found: dict[str, Any]) -> None:
    """Puts what was parsed under a path, or at the root."""
    if path:
        put(event, path, found)
    else:
        event.update(found)


def _copied(event: Event, source: str, target: str, overwrite: bool) -> bool:
    value = get(event, source)
    if value is None or (get(event, target) is not None and not overwrite):
        return False
    put(event, target, deepcopy(value))
    return True


def _add_keys(settings: dict[str, Any]) -> Step:
    def step(event: Event) -> None:
        for entry in settings["entries"]:
            if get(event, entry["key"]) is None or entry.get("overwriteIfExists"):
                # ${path} stands for a value of the event.
                value = re.sub(r"\$\{([^}]+)\}", lambda found: _text(get(event, found[1])), entry["value"])
                put(event, entry["key"], value)

    return step


def _copy_value(settings: dict[str, Any]) -> Step:
    def step(event: Event) -> None:
        for entry in settings["entries"]:
            _copied(event, entry["source"], entry["target"], bool(entry.get("overwriteIfExists")))

    return step


def _move_keys(settings: dict[str, Any]) -> Step:
    def step(event: Event) -> None:
        for entry in settings["entries"]:
            target = entry["target"]
            if isinstance(get(event, target), dict):
                target = f"{target}.{steps(entry['source'])[-1]}"
            if _copied(event, entry["source"], target, bool(entry.get("overwriteIfExists"))):
                remove(event, entry["source"])

    return step


def _rename_keys(settings: dict[str, Any]) -> Step:
    def step(event: Event) -> None:
        for entry in settings["entries"]:
            parent = entry["key"].rpartition(".")[0]
            target = f"{parent}.{entry['renameTo']}" if parent else entry["renameTo"]
            if _copied(event, entry["key"], target, bool(entry.get("overwriteIfExists"))):
                remove(event, entry["key"])

    return step


def _delete_keys(settings: dict[str, Any]) -> Step:
    def step(event: Event) -> None:
        for key in settings["withKeys"]:
            remove(event, key)

    return step


def _each_text(change: Callable[[str], str]) -> Callable[[dict[str, Any]], Step]:
    def make(settings: dict[str, Any]) -> Step:
        def step(event: Event) -> None:
            for key in settings["withKeys"]:
                value = get(event, key)
                if isinstance(value, str):
                    put(event, key, change(value))

        return step

    return make


def _split_string(settings: dict[str, Any]) -> Step:
    def step(event: Event) -> None:
        for entry in settings["entries"]:
            value = get(event, entry["source"])
            if isinstance(value, str):
                put(event, entry["source"], value.split(entry["delimiter"]))

    return step


def _substitute_string(settings: dict[str, Any]) -> Step:
    made = []
    for entry in settings["entries"]:
        try:
            made.append((entry["source"], re.compile(entry["from"]), re.sub(r"\$(\d+)", r"\\\1", entry["to"])))
        except re.error as problem:
            raise errors.invalid_transformer(f"{entry['from']}: {problem}") from None

    def step(event: Event) -> None:
        for source, pattern, to in made:
            value = get(event, source)
            if isinstance(value, str):
                put(event, source, pattern.sub(to, value))

    return step


def _type_converter(settings: dict[str, Any]) -> Step:
    kinds: dict[str, Callable[[Any], Any]] = {
        "integer": lambda value: int(float(value)),
        "double": float,
        "string": _text,
        "boolean": lambda value: value if isinstance(value, bool) else {"true": True, "false": False}[str(value).lower()],
    }

    def step(event: Event) -> None:
        for entry in settings["entries"]:
            value = get(event, entry["key"])
            if value is None or isinstance(value, dict | list):
                continue
            try:
                put(event, entry["key"], kinds[entry["type"]](value))
            except (ValueError, KeyError, OverflowError):
                continue

    return step


def _parse_json(settings: dict[str, Any]) -> Step:
    def step(event: Event) -> None:
        try:
            found = json.loads(get(event, settings.get("source") or MESSAGE) or "")
        except (ValueError, TypeError, RecursionError):
            return
        if isinstance(found, dict):
            _place(event, settings.get("destination"), found)

    return step


def _parse_key_value(settings: dict[str, Any]) -> Step:
    between, inside = settings.get("fieldDelimiter") or "&", settings.get("keyValueDelimiter") or "="

    def step(event: Event) -> None:
        value = get(event, settings.get("source") or MESSAGE)
        if not isinstance(value, str):
            return
        found: dict[str, Any] = {}
        for pair in value.split(between):
            key, separator, right = pair.partition(inside)
            if separator:
                found[(settings.get("keyPrefix") or "") + key] = right
            elif settings.get("nonMatchValue") and pair:
                found[(settings.get("keyPrefix") or "") + pair] = settings["nonMatchValue"]
        base = get(event, settings["destination"]) if settings.get("destination") else event
        if not settings.get("overwriteIfExists") and isinstance(base, dict):
            found = {key: value for key, value in found.items() if key not in base}
        if settings.get("destination") and isinstance(base, dict):
            found = base | found
        _place(event, settings.get("destination"), found)

    return step


def _csv(settings: dict[str, Any]) -> Step:
    delimiter = {"\\t": "\t"}.get(settings.get("delimiter") or ",", settings.get("delimiter") or ",")
    if len(delimiter) != 1:
        raise errors.invalid_transformer("the delimiter of csv must be one character")

    def step(event: Event) -> None:
        value = get(event, settings.get("source") or MESSAGE)
        if not isinstance(value, str):
            return
        values = next(csv.reader([value], delimiter=delimiter, quotechar=settings.get("quoteCharacter") or '"', skipinitialspace=True), [])
        columns = settings.get("columns") or []
        names = [*columns, *(f"column_{at + 1}" for at in range(len(columns), len(values)))]
        _place(event, settings.get("destination"), dict(zip(names, values, strict=False)))

    return step


def _list_to_map(settings: dict[str, Any]) -> Step:
    if settings.get("flatten") and not settings.get("flattenedElement"):
        raise errors.invalid_transformer("listToMap with flatten needs a flattenedElement")

    def step(event: Event) -> None:
        items = get(event, settings["source"])
        if not isinstance(items, list):
            return
        found: dict[str, Any] = {}
        for item in items:
            key = get(item, settings["key"]) if isinstance(item, dict) else None
            if key is not None:
                value = get(item, settings["valueKey"]) if settings.get("valueKey") else item
                found.setdefault(_text(key), []).append(value)
        if settings.get("flatten"):
            at = 0 if settings["flattenedElement"] == "first" else -1
            found = {key: values[at] for key, values in found.items()}
        _place(event, settings.get("target"), found)

    return step


_NUMBERS: dict[str, Callable[[str], Any]] = {"INT": int, "LONG": int, "DOUBLE": float, "FLOAT": float}


def _grok(settings: dict[str, Any]) -> Step:
    try:
        pattern, fields = compile_grok(settings["match"])
    except LookupError as problem:
        raise errors.invalid_transformer(f"there is no grok pattern {problem}") from None
    except re.error as problem:
        raise errors.invalid_transformer(f"{settings['match']}: {problem}") from None

    def step(event: Event) -> None:
        value = get(event, settings.get("source") or MESSAGE)
        found = pattern.search(value) if isinstance(value, str) else None
        for group, (name, kind) in fields.items() if found else ():
            text = found[group] if found else None
            if text is None:
                continue
            try:
                put(event, name, _NUMBERS[kind](text) if kind in _NUMBERS else text)
            except ValueError:
                put(event, name, text)

    return step


def _date_time_converter(settings: dict[str, Any]) -> Step:
    try:
        source, target = (ZoneInfo(settings.get(f"{side}Timezone") or "UTC") for side in ("source", "target"))
        patterns, wanted = settings["matchPatterns"], settings.get("targetFormat") or "yyyy-MM-dd'T'HH:mm:ss.SSS'Z'"
        for pattern in (*patterns, wanted):
            java_times.write(datetime.fromtimestamp(0, UTC), pattern)
    except (ValueError, KeyError, OSError) as problem:
        raise errors.invalid_transformer(f"dateTimeConverter does not know {problem}") from None

    def step(event: Event) -> None:
        text = _text(get(event, settings["source"]))
        for pattern in patterns:
            try:
                found = java_times.read(text, pattern)
            except ValueError:
                continue
            found = found if found.tzinfo else found.replace(tzinfo=source)
            put(event, settings["target"], java_times.write(found.astimezone(target), wanted))
            return

    return step


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


MAKERS: dict[str, Callable[[dict[str, Any]], Step]] = {
    "addKeys": _add_keys,
    "copyValue": _copy_value,
    "csv": _csv,
    "dateTimeConverter": _date_time_converter,
    "deleteKeys": _delete_keys,
    "grok": _grok,
    "listToMap": _list_to_map,
    "lowerCaseString": _each_text(str.lower),
    "moveKeys": _move_keys,
    "parseJSON": _parse_json,
    "parseKeyValue": _parse_key_value,
    "renameKeys": _rename_keys,
    "splitString": _split_string,
    "substituteString": _substitute_string,
    "trimString": _each_text(str.strip),
    "typeConverter": _type_converter,
    "upperCaseString": _each_text(str.upper),
}
PARSERS = frozenset(("csv", "grok", "parseJSON", "parseKeyValue"))
"""One of which, or of AWS's own formats, a transformer begins with."""
