"""An item changed by a bound update expression. All right-hand sides see the item as it was."""

from __future__ import annotations

from typing import Any

from cloudjar.services.dynamodb import errors, numbers
from cloudjar.services.dynamodb.expressions.evaluate import look
from cloudjar.services.dynamodb.expressions.tree import Arithmetic, Call, Constant, Path, Update
from cloudjar.services.dynamodb.values import SETS, Item, Value, kind


def modified(update: Update, item: Item) -> Item:
    """The item after the update; the one given is left alone. Raises ValidationException."""
    assignments = [(path, _copy(_evaluate(value, item))) for path, value in update.sets]
    changes = [(path, _added(look(path, item), value.value)) for path, value in update.adds]
    remains = [(path, _deleted(look(path, item), value.value)) for path, value in update.deletes]
    fresh = dict(item)
    for path in update.paths():
        if len(path.steps) > 1 and path.steps[0] in fresh:
            name = path.steps[0]
            assert isinstance(name, str)
            if fresh[name] is item.get(name):
                fresh[name] = _copy(fresh[name])
    removals = list(update.removes)
    for path, value in assignments + changes:
        _put(fresh, path, value)
    for path, rest in remains:
        if rest is not None:
            _put(fresh, path, rest)
        elif look(path, item) is not None:
            removals.append(path)
    # From the end of each list on, so that indexes keep their meaning.
    for path in sorted(removals, key=lambda path: path.steps[-1] if isinstance(path.steps[-1], int) else -1, reverse=True):
        _remove(fresh, path)
    return fresh


def _copy(value: Value) -> Value:
    ((type_, held),) = value.items()
    if type_ == "M":
        return {"M": {name: _copy(inner) for name, inner in held.items()}}
    if type_ == "L":
        return {"L": [_copy(inner) for inner in held]}
    return value


def _evaluate(node: Any, item: Item) -> Value:
    kind_ = type(node)
    if kind_ is Constant:
        return node.value
    if kind_ is Path:
        found = look(node, item)
        if found is None:
            raise errors.no_such_attribute()
        return found
    if kind_ is Arithmetic:
        left, right = _evaluate(node.left, item), _evaluate(node.right, item)
        if "N" not in left or "N" not in right:
            raise errors.wrong_operand()
        work = numbers.add if node.operator == "+" else numbers.subtract
        return {"N": work(left["N"], right["N"])}
    assert kind_ is Call
    if node.function == "if_not_exists":
        found = look(node.arguments[0], item)
        return found if found is not None else _evaluate(node.arguments[1], item)
    left, right = _evaluate(node.arguments[0], item), _evaluate(node.arguments[1], item)
    if "L" not in left or "L" not in right:
        raise errors.wrong_operand()
    return {"L": left["L"] + right["L"]}


def _added(old: Value | None, value: Value) -> Value:
    if old is None:
        return value
    type_ = kind(value)
    if kind(old) != type_:
        raise errors.wrong_operand()
    if type_ == "N":
        return {"N": numbers.add(old["N"], value["N"])}
    return {type_: old[type_] + [member for member in value[type_] if member not in old[type_]]}


def _deleted(old: Value | None, value: Value) -> Value | None:
    if old is None:
        return None
    type_ = kind(value)
    if kind(old) != type_ or type_ not in SETS:
        raise errors.wrong_operand()
    rest = [member for member in old[type_] if member not in value[type_]]
    return {type_: rest} if rest else None


def _parent(item: Item, path: Path) -> Any:
    """The dict or list that holds a path's last step."""
    holder: Any = item
    for step, following in zip(path.steps, path.steps[1:], strict=False):
        if isinstance(step, int):
            found = holder[step] if step < len(holder) else None
        else:
            found = holder.get(step)
        inner = "L" if isinstance(following, int) else "M"
        if found is None or inner not in found:
            raise errors.invalid_path()
        holder = found[inner]
    return holder


def _put(item: Item, path: Path, value: Value) -> None:
    holder, last = _parent(item, path), path.steps[-1]
    if isinstance(last, int) and last >= len(holder):
        holder.append(value)
    else:
        holder[last] = value


def _remove(item: Item, path: Path) -> None:
    holder, last = _parent(item, path), path.steps[-1]
    if isinstance(last, int):
        if last < len(holder):
            del holder[last]
    else:
        holder.pop(last, None)
