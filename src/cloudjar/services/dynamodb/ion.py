"""Items in Amazon Ion's text format, as exports write and imports read them.

Source: "DynamoDB table export output format" and "Amazon S3 import formats for DynamoDB" in the developer guide;
https://amazon-ion.github.io/ion-docs/docs/spec.html for the text itself.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator

from cloudjar.services.dynamodb.values import Item, Value

MARKER = "$ion_1_0"
_SETS = {"SS": "$dynamodb_SS", "NS": "$dynamodb_NS", "BS": "$dynamodb_BS"}
_PLAIN_SYMBOL = re.compile(r"(?!(?:null|true|false|nan)\Z)[A-Za-z_$][A-Za-z0-9_$]*\Z")
_TOKEN = re.compile(
    r"""(?P<space>(?:\s|//[^\n]*|/\*.*?\*/)+)
    | (?P<blob>\{\{[A-Za-z0-9+/=\s]*\}\})
    | (?P<long>'''(?:[^\\]|\\.)*?''')
    | (?P<quoted>'(?:[^'\\]|\\.)*')
    | (?P<string>"(?:[^"\\]|\\.)*")
    | (?P<stamp>\d{4}(?:T|-\d\d(?:T|-\d\d(?:T[\d:.]*(?:Z|[+-]\d\d:\d\d)?)?)))
    | (?P<number>-?\d[\d_]*(?:\.[\d_]*)?(?:[dDeE][+-]?\d+)?(?![\w:-]))
    | (?P<symbol>[A-Za-z_$][A-Za-z0-9_$]*(?:\.[a-z]+)?)
    | (?P<mark>::|[{}\[\]:,])""",
    re.DOTALL | re.VERBOSE,
)
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|\r?\n|.)", re.DOTALL)
_ESCAPED = {"a": "\a", "b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", "v": "\v", "0": "\0", "\n": "", "\r\n": ""}


# Writing


def line(members: dict[str, Item]) -> bytes:
    """A line of an export: a struct of structs."""
    return f"{MARKER} {_struct({name: {'M': item} for name, item in members.items()})}\n".encode()


def _struct(item: Item) -> str:
    return "{" + ",".join([f"{_name(name)}:{_text(value)}" for name, value in item.items()]) + "}"


def _name(name: str) -> str:
    if _PLAIN_SYMBOL.match(name):
        return name
    return "'" + json.dumps(name, ensure_ascii=False)[1:-1].replace('\\"', '"').replace("'", "\\'") + "'"


def _text(value: Value) -> str:
    ((kind, held),) = value.items()
    if kind == "S":
        return json.dumps(held, ensure_ascii=False)
    if kind == "N":
        return held if "." in held else f"{held}."  # a decimal, not an integer
    if kind == "B":
        return "{{" + base64.b64encode(held).decode() + "}}"
    if kind == "BOOL":
        return "true" if held else "false"
    if kind == "NULL":
        return "null"
    if kind == "M":
        return _struct(held)
    if kind == "L":
        return "[" + ",".join([_text(member) for member in held]) + "]"
    return f"{_SETS[kind]}::[" + ",".join([_text({kind[0]: member}) for member in held]) + "]"


# Reading


def items(text: str) -> Iterator[Item | None]:
    """The items of a file of `{Item: {...}}`; None for what is none, after which nothing more is read where it is not even Ion."""
    try:
        tokens = _Tokens(text)
        while tokens.kind:
            if (tokens.kind, tokens.text) == ("symbol", MARKER):
                tokens.next()
                continue
            tokens.strange = False
            value = tokens.value()
            found = value.get("M", {}).get("Item", {}).get("M")
            yield None if tokens.strange else found
    except (ValueError, RecursionError):
        yield None


class _Tokens:
    """A text's tokens, the next of them in `kind` and `text`; "" at the end. Raises ValueError.

    `strange` says that there was a value of a type that DynamoDB does not have.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self.kind = self.text = ""
        self.strange = False
        self.next()

    def next(self) -> None:
        while True:
            if self._at == len(self._text):
                self.kind = self.text = ""
                return
            found = _TOKEN.match(self._text, self._at)
            if found is None:
                raise ValueError(self._text[self._at : self._at + 20])
            self._at = found.end()
            if found.lastgroup != "space":
                self.kind, self.text = str(found.lastgroup), found[0]
                return

    def take(self, mark: str) -> bool:
        """Whether the next token is this mark, which is then passed."""
        if (self.kind, self.text) != ("mark", mark):
            return False
        self.next()
        return True

    def value(self) -> Value:
        """The next value, as DynamoDB has it."""
        kind, text = self.kind, self.text
        self.next()
        if kind in ("symbol", "quoted") and self.take("::"):
            return self._annotated(_symbol(kind, text), self.value())
        if kind == "string":
            return {"S": _unescaped(text[1:-1])}
        if kind == "long":
            parts = [text]
            while self.kind == "long":
                parts.append(self.text)
                self.next()
            return {"S": "".join([_unescaped(part[3:-3]) for part in parts])}
        if kind == "number":
            return {"N": text.replace("_", "").replace("d", "E").replace("D", "E")}
        if kind == "blob":
            return {"B": base64.b64decode("".join(text[2:-2].split()), validate=True)}
        if kind == "symbol" and text in ("true", "false"):
            return {"BOOL": text == "true"}
        if kind == "symbol" and text.partition(".")[0] == "null":
            return {"NULL": True}
        if kind == "mark" and text == "[":
            return {"L": self._list()}
        if kind == "mark" and text == "{":
            return {"M": self._members()}
        if kind in ("symbol", "quoted", "stamp"):
            self.strange = True
            return {"NULL": True}
        raise ValueError(text)

    def _annotated(self, annotation: str, value: Value) -> Value:
        """A list that is marked as a set is one; other annotations mean nothing to DynamoDB."""
        kind = next((kind for kind, name in _SETS.items() if name == annotation), "")
        if not kind:
            return value
        members = value.get("L")
        if members is None or any(kind[0] not in member for member in members):
            self.strange = True
            return value
        return {kind: [member[kind[0]] for member in members]}

    def _list(self) -> list[Value]:
        found: list[Value] = []
        while not self.take("]"):
            found.append(self.value())
            if not self.take(",") and (self.kind, self.text) != ("mark", "]"):
                raise ValueError(self.text)
        return found

    def _members(self) -> Item:
        found: Item = {}
        while not self.take("}"):
            kind, text = self.kind, self.text
            self.next()
            if not self.take(":"):
                raise ValueError(text)
            found[_unescaped(text[1:-1]) if kind == "string" else _symbol(kind, text)] = self.value()
            if not self.take(",") and (self.kind, self.text) != ("mark", "}"):
                raise ValueError(self.text)
        return found


def _symbol(kind: str, text: str) -> str:
    if kind == "quoted":
        return _unescaped(text[1:-1])
    if kind != "symbol":
        raise ValueError(text)
    return text


def _unescaped(text: str) -> str:
    def plain(found: re.Match[str]) -> str:
        code = found[1]
        return chr(int(code[1:], 16)) if code[0] in "xuU" and len(code) > 1 else _ESCAPED.get(code, code)

    return _ESCAPE.sub(plain, text) if "\\" in text else text
