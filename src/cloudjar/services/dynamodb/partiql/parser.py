"""Statements as trees, with their parameters in place."""

from __future__ import annotations

from typing import Any

from cloudjar.services.dynamodb import errors, numbers, values
from cloudjar.services.dynamodb.expressions.binding import Placeholders, check_paths
from cloudjar.services.dynamodb.expressions.parser import Wrong
from cloudjar.services.dynamodb.expressions.tree import And, Arithmetic, Between, Call, Compare, Constant, In, Not, Or, Path, Update
from cloudjar.services.dynamodb.partiql.lexer import Token, tokens
from cloudjar.services.dynamodb.partiql.tree import Exists, Insert, Modify, Remove, Select, Statement
from cloudjar.services.dynamodb.values import Value

_COMPARATORS = frozenset(("=", "<>", "!=", "<", "<=", ">", ">="))
_ARGUMENTS = {"BEGINS_WITH": 2, "CONTAINS": 2, "SIZE": 1, "ATTRIBUTE_TYPE": 2}
_RETURNING = {
    ("ALL", "OLD"): "ALL_OLD",
    ("ALL", "NEW"): "ALL_NEW",
    ("MODIFIED", "OLD"): "UPDATED_OLD",
    ("MODIFIED", "NEW"): "UPDATED_NEW",
}
_KEYWORDS = frozenset("SELECT FROM WHERE ORDER BY AND OR NOT IN BETWEEN IS SET REMOVE RETURNING VALUE INTO INSERT UPDATE DELETE".split())  # noqa: SIM905
_DEEPEST = 60


def parse(text: str, parameters: list[Value] | None) -> Statement:
    """The statement in a text. Raises ValidationException."""
    for value in parameters or ():
        values.settle(value)
    parser = Parser(text, parameters or [])
    try:
        return parser.statement()
    except Wrong as problem:
        # PartiQL says "operator or function" where the expressions say "operator".
        raise errors.invalid(str(problem).replace("function; operator: ", "function; operator or function: ")) from None


class Checker(Placeholders):
    """Checks trees whose names are names already."""

    __slots__ = ()

    def path(self, path: Path) -> Path:
        """The path as it is, even with a name that starts with "#"."""
        return path


class Parser:
    """A recursive descent over one statement."""

    def __init__(self, text: str, parameters: list[Value]) -> None:
        self.tokens = tokens(text)
        self.parameters = parameters
        self.taken = 0
        self.at = 0
        self.depth = 0
        self.checker = Checker({}, {})

    # Tokens

    @property
    def token(self) -> Token:
        """The token that is next."""
        return self.tokens[self.at]

    def take(self, text: str) -> bool:
        """Goes past a symbol, or a keyword in any case, if it is next."""
        token = self.token
        if (token.kind == "symbol" and token.text == text) or token.keyword == text:
            self.at += 1
            return True
        return False

    def expect(self, text: str) -> None:
        """Goes past a symbol or keyword that must be next."""
        if not self.take(text):
            raise errors.malformed_statement(f"Expected {text}, found {self.token.text}")

    def name(self) -> str:
        """An identifier, quoted or not."""
        token = self.token
        if token.kind not in ("word", "quoted") or (token.kind == "word" and token.keyword in _KEYWORDS):
            raise errors.malformed_statement(f"Expected identifier, found {token.text}")
        self.at += 1
        return token.text

    def component(self) -> str:
        """A table's or index's name."""
        name = self.name()
        if not name:
            raise errors.invalid("Path component cannot be an empty string")
        return name

    def deeper(self) -> None:
        """One level down; there is an end to that."""
        self.depth += 1
        if self.depth > _DEEPEST:
            raise errors.malformed_statement("too many nested levels")

    # Statements

    def statement(self) -> Statement:
        """One statement, and nothing after it."""
        if self.take("SELECT"):
            found: Statement = self.select()
        elif self.take("INSERT"):
            found = self.insert()
        elif self.take("UPDATE"):
            found = self.modify()
        elif self.take("DELETE"):
            found = self.remove()
        elif self.take("EXISTS"):
            self.expect("(")
            self.expect("SELECT")
            found = Exists(self.select())
            self.expect(")")
        else:
            raise errors.malformed_statement("Expected data manipulation")
        if self.token.kind != "end":
            raise errors.malformed_statement(f"Unexpected {self.token.text}")
        if self.taken != len(self.parameters):
            raise errors.invalid("Number of parameters in request and statement don't match.")
        return found

    def select(self) -> Select:
        """What follows SELECT."""
        paths: tuple[Path, ...] | None = None
        if not self.take("*"):
            found = [self.path()]
            while self.take(","):
                found.append(self.path())
            check_paths(found)
            paths = tuple(found)
        self.expect("FROM")
        table = self.component()
        index = self.component() if self.take(".") else ""
        if self.take("."):
            raise errors.invalid("A path may contain at most 2 components in the FROM clause")
        where = self.where()
        order: list[tuple[str, bool]] = []
        if self.take("ORDER"):
            self.expect("BY")
            while True:
                name = self.name()
                descending = self.take("DESC")
                if not descending:
                    self.take("ASC")
                order.append((name, descending))
                if not self.take(","):
                    break
        return Select(table, index, paths, where, tuple(order))

    def where(self) -> Any:
        """WHERE condition; None without one."""
        return self.disjunction() if self.take("WHERE") else None

    def insert(self) -> Insert:
        """What follows INSERT."""
        self.expect("INTO")
        table = self.component()
        self.expect("VALUE")
        item = self.literal()
        if "M" not in item:
            raise errors.malformed_statement("Expected a tuple after VALUE")
        return Insert(table, item["M"])

    def modify(self) -> Modify:
        """What follows UPDATE."""
        table = self.component()
        sets: list[tuple[Path, Any]] = []
        removes: list[Path] = []
        adds: list[tuple[Path, Any]] = []
        deletes: list[tuple[Path, Any]] = []
        while True:
            if self.take("SET"):
                self.assign(sets, adds, deletes)
                while self.take(","):
                    self.assign(sets, adds, deletes)
            elif self.take("REMOVE"):
                removes.append(self.path())
                while self.take(","):
                    removes.append(self.path())
            else:
                break
        update = Update(tuple(sets), tuple(removes), tuple(adds), tuple(deletes))
        if not update.paths():
            raise errors.malformed_statement("Expected SET or REMOVE")
        check_paths(update.paths())
        return Modify(table, update, self.where(), self.returning())

    def assign(self, sets: list[Any], adds: list[Any], deletes: list[Any]) -> None:
        """path = value, in SET."""
        path = self.path()
        self.expect("=")
        word = self.token.keyword
        if word in ("SET_ADD", "SET_DELETE") and self.tokens[self.at + 1].text == "(":
            self.at += 2
            source = self.path()
            self.expect(",")
            members = self.literal()
            self.expect(")")
            if source != path or values.kind(members) not in values.SETS:
                raise errors.invalid(f"{word.lower()} takes the attribute that is set, and a set")
            (adds if word == "SET_ADD" else deletes).append((path, Constant(members)))
            return
        sets.append((path, self.sum()))

    def sum(self) -> Any:
        """An operand, or two with + or - between them."""
        left = self.update_operand()
        for operator in "+-":
            if self.take(operator):
                return self.checker.bind(Arithmetic(operator, left, self.update_operand()))
        return left

    def update_operand(self) -> Any:
        """A path, a literal, list_append or if_not_exists."""
        word = self.token.keyword
        if word in ("LIST_APPEND", "IF_NOT_EXISTS") and self.tokens[self.at + 1].text == "(":
            self.at += 2
            self.deeper()
            first = self.update_operand()
            self.expect(",")
            second = self.update_operand()
            self.expect(")")
            self.depth -= 1
            return self.checker.bind(Call(word.lower(), (first, second)))
        return self.operand()

    def remove(self) -> Remove:
        """What follows DELETE."""
        self.expect("FROM")
        table = self.component()
        return Remove(table, self.where(), self.returning())

    def returning(self) -> str:
        """RETURNING ALL OLD *, as ReturnValues."""
        if not self.take("RETURNING"):
            return "NONE"
        found = _RETURNING.get((self.token.keyword, self.tokens[min(self.at + 1, len(self.tokens) - 1)].keyword))
        if found is None:
            raise errors.malformed_statement(f"Unexpected {self.token.text} after RETURNING")
        self.at += 2
        self.expect("*")
        return found

    # Conditions

    def disjunction(self) -> Any:
        """a OR b."""
        terms = [self.conjunction()]
        while self.take("OR"):
            terms.append(self.conjunction())
        return terms[0] if len(terms) == 1 else Or(tuple(terms))

    def conjunction(self) -> Any:
        """a AND b."""
        terms = [self.negation()]
        while self.take("AND"):
            terms.append(self.negation())
        return terms[0] if len(terms) == 1 else And(tuple(terms))

    def negation(self) -> Any:
        """NOT a, (a), or a condition."""
        if self.take("NOT"):
            self.deeper()
            term = self.negation()
            self.depth -= 1
            return Not(term)
        if self.take("("):
            self.deeper()
            found = self.disjunction()
            self.expect(")")
            self.depth -= 1
            return found
        return self.checker.bind(self.comparison())

    def comparison(self) -> Any:
        """a = b, a IS MISSING, a IN [b, c], a BETWEEN b AND c, begins_with(a, b)."""
        word = self.token.keyword
        if word in ("BEGINS_WITH", "CONTAINS", "ATTRIBUTE_TYPE") and self.tokens[self.at + 1].text == "(":
            return self.call()
        left = self.operand()
        token = self.token
        if token.kind == "symbol" and token.text in _COMPARATORS:
            self.at += 1
            return Compare("<>" if token.text == "!=" else token.text, left, self.operand())
        if self.take("IS"):
            return self.kind_of(left)
        if self.take("BETWEEN"):
            low = self.operand()
            self.expect("AND")
            return Between(left, low, self.operand())
        negated = self.take("NOT")
        self.expect("IN")
        closing = ")" if self.take("(") else "]"
        if closing == "]":
            self.expect("[")
        choices = [self.operand()]
        while self.take(","):
            choices.append(self.operand())
        self.expect(closing)
        return Not(In(left, tuple(choices))) if negated else In(left, tuple(choices))

    def kind_of(self, left: Any) -> Any:
        """[NOT] MISSING or NULL, after IS."""
        negated = self.take("NOT")
        if not isinstance(left, Path):
            raise errors.malformed_statement("IS takes an attribute")
        if self.take("MISSING"):
            return Call("attribute_exists" if negated else "attribute_not_exists", (left,))
        self.expect("NULL")
        null = Compare("=", left, Constant({"NULL": True}))
        return Not(null) if negated else null

    def call(self) -> Call:
        """name(argument, ...)."""
        name = self.token.keyword
        self.at += 2
        self.deeper()
        arguments = [self.operand()]
        while self.take(","):
            arguments.append(self.operand())
        self.expect(")")
        self.depth -= 1
        if len(arguments) != _ARGUMENTS[name]:
            raise errors.malformed_statement(f"wrong number of arguments of {name.lower()}")
        return Call(name.lower(), tuple(arguments))

    def operand(self) -> Any:
        """A path, a literal or size(path)."""
        token = self.token
        if token.keyword == "SIZE" and self.tokens[self.at + 1].text == "(":
            return self.checker.bind(self.call())
        if token.kind == "quoted" or (token.kind == "word" and token.keyword not in ("TRUE", "FALSE", "NULL")):
            return self.path()
        return Constant(self.literal())

    # Paths and values

    def path(self) -> Path:
        """a.b[0]"""
        steps: list[str | int] = [self.name()]
        while True:
            if self.take("."):
                steps.append(self.name())
            elif self.take("["):
                token = self.token
                self.at += 1
                if token.kind == "number" and token.text.isdigit() and len(token.text) < 10:
                    steps.append(int(token.text))
                elif token.kind == "string":
                    steps.append(token.text)
                else:
                    raise errors.malformed_statement(f"Unexpected {token.text} in a path")
                self.expect("]")
            else:
                break
        return Path(tuple(steps))

    def literal(self) -> Value:
        """A value; ? is the next parameter."""
        token = self.token
        self.at += 1
        if token.kind == "string":
            return {"S": token.text}
        if token.kind == "number":
            return {"N": numbers.normalise(token.text)}
        if token.keyword in ("TRUE", "FALSE"):
            return {"BOOL": token.keyword == "TRUE"}
        if token.keyword == "NULL":
            return {"NULL": True}
        if token.text == "?" and token.kind == "symbol":
            if self.taken == len(self.parameters):
                raise errors.invalid("Number of parameters in request and statement don't match.")
            self.taken += 1
            return self.parameters[self.taken - 1]
        if token.text == "-" and self.token.kind == "number":
            self.at += 1
            return {"N": numbers.normalise("-" + self.tokens[self.at - 1].text)}
        self.deeper()
        found = self.collection(token)
        self.depth -= 1
        values.settle(found)
        return found

    def collection(self, token: Token) -> Value:
        """{...}, [...] or <<...>>."""
        if token.text == "{" and token.kind == "symbol":
            held: dict[str, Value] = {}
            while not self.take("}"):
                if held:
                    self.expect(",")
                key = self.token
                if key.kind not in ("string", "quoted", "word"):
                    raise errors.malformed_statement(f"Unexpected {key.text} in a tuple")
                self.at += 1
                self.expect(":")
                held[key.text] = self.literal()
            return {"M": held}
        closing = {"[": "]", "<<": ">>"}.get(token.text) if token.kind == "symbol" else None
        if closing is None:
            raise errors.malformed_statement(f"Unexpected {token.text}")
        items: list[Value] = []
        while not self.take(closing):
            if items:
                self.expect(",")
            items.append(self.literal())
        if closing == "]":
            return {"L": items}
        kinds = {values.kind(item) for item in items}
        if len(kinds) != 1 or not kinds <= {"S", "N", "B"}:
            raise errors.invalid("A set must hold values of one of the types string, number and binary")
        kind = kinds.pop()
        return {f"{kind}S": [item[kind] for item in items]}
