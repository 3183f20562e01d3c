"""Expressions as trees. Pure: one text always gives one tree, so trees are kept.

Errors are `Wrong`, without the "Invalid ConditionExpression: " that says which expression it was.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from cloudjar.services.dynamodb.expressions.lexer import LONGEST, Token, tokens
from cloudjar.services.dynamodb.expressions.reserved import RESERVED
from cloudjar.services.dynamodb.expressions.tree import (
    CONDITION_FUNCTIONS,
    OPERAND_FUNCTIONS,
    UPDATE_FUNCTIONS,
    And,
    Arithmetic,
    Between,
    Call,
    Compare,
    In,
    Not,
    Or,
    Path,
    Placeholder,
    Update,
    is_condition,
)

MOST_OPERATORS = 300
DEEPEST_PATH = 32
MOST_CHOICES = 100
_COMPARATORS = frozenset(("=", "<>", "<", "<=", ">", ">="))
_SECTIONS = ("SET", "REMOVE", "ADD", "DELETE")
_DEEPEST = 100


class Wrong(Exception):
    """What is wrong with an expression, in DynamoDB's words."""


@lru_cache(maxsize=2048)
def condition(text: str) -> Any:
    """The tree of a condition, filter or key condition expression."""
    parser = Parser(text, CONDITION_FUNCTIONS.keys() | OPERAND_FUNCTIONS.keys())
    found = parser.disjunction()
    parser.expect_end()
    if not is_condition(found):
        raise parser.syntax_error()
    return found


@lru_cache(maxsize=2048)
def update(text: str) -> Update:
    """The tree of an update expression."""
    return Parser(text, UPDATE_FUNCTIONS.keys()).update()


@lru_cache(maxsize=2048)
def projection(text: str) -> tuple[Path, ...]:
    """The paths of a projection expression."""
    parser = Parser(text, frozenset())
    paths = [parser.path()]
    while parser.take(","):
        paths.append(parser.path())
    parser.expect_end()
    return tuple(paths)


class Parser:
    """A recursive descent over one text."""

    def __init__(self, text: str, functions: Any) -> None:
        if not text.strip():
            raise Wrong("The expression can not be empty;")
        if len(text.encode("utf-8", "surrogatepass")) > LONGEST:
            raise Wrong(f"Expression size has exceeded the maximum allowed size; expression size: {len(text)}")
        self.text = text
        self.functions = functions
        self.tokens = tokens(text)
        self.at = 0
        self.operators = 0
        self.depth = 0

    # Tokens

    @property
    def token(self) -> Token:
        """The token that is next."""
        return self.tokens[self.at]

    def take(self, text: str) -> bool:
        """Goes past a symbol, or a keyword in any case, if it is next."""
        token = self.token
        if (token.kind == "symbol" and token.text == text) or (token.kind == "word" and token.text.upper() == text):
            self.at += 1
            return True
        return False

    def expect(self, text: str) -> None:
        """Goes past a symbol or keyword that must be next."""
        if not self.take(text):
            raise self.syntax_error()

    def expect_end(self) -> None:
        """Nothing may follow."""
        if self.token.kind != "end":
            raise self.syntax_error()

    def syntax_error(self) -> Wrong:
        """The error at the next token."""
        token = self.token
        first = self.tokens[self.at - 1] if self.at else token
        last = self.tokens[min(self.at + 1, len(self.tokens) - 1)]
        return Wrong(f'Syntax error; token: "{token.text}", near: "{self.text[first.start : last.end].rstrip()}"')

    def count_operator(self) -> None:
        """Notes one more operator."""
        self.operators += 1
        if self.operators > MOST_OPERATORS:
            raise Wrong(f"The expression contains too many operators; maximum operators allowed: {MOST_OPERATORS}")

    # Conditions

    def disjunction(self) -> Any:
        """a OR b OR c."""
        terms = [self.conjunction()]
        while self.is_next("OR"):
            self.combine(terms[-1])
            terms.append(self.conjunction())
            self.condition_only(terms[-1])
        return terms[0] if len(terms) == 1 else Or(tuple(terms))

    def conjunction(self) -> Any:
        """a AND b AND c."""
        terms = [self.negation()]
        while self.is_next("AND"):
            self.combine(terms[-1])
            terms.append(self.negation())
            self.condition_only(terms[-1])
        return terms[0] if len(terms) == 1 else And(tuple(terms))

    def is_next(self, keyword: str) -> bool:
        """Whether a keyword is next."""
        return self.token.kind == "word" and self.token.text.upper() == keyword

    def combine(self, left: Any) -> None:
        """Goes past AND or OR after a condition."""
        self.condition_only(left)
        self.at += 1
        self.count_operator()

    def condition_only(self, node: Any) -> None:
        """A value cannot stand where a condition must."""
        if not is_condition(node):
            raise self.syntax_error()

    def negation(self) -> Any:
        """NOT a."""
        if self.is_next("NOT"):
            self.at += 1
            self.count_operator()
            self.deeper()
            term = self.negation()
            self.depth -= 1
            self.condition_only(term)
            return Not(term)
        return self.comparison()

    def deeper(self) -> None:
        """One level down; there is an end to that."""
        self.depth += 1
        if self.depth > _DEEPEST:
            raise Wrong(f"The expression has too many nested levels; maximum levels allowed: {_DEEPEST}")

    def comparison(self) -> Any:
        """a = b, a BETWEEN b AND c, a IN (b, c), or a condition in itself."""
        left = self.primary()
        token = self.token
        if is_condition(left):
            return left
        if token.kind == "symbol" and token.text in _COMPARATORS:
            self.at += 1
            self.count_operator()
            return Compare(token.text, left, self.operand())
        if self.take("BETWEEN"):
            self.count_operator()
            low = self.operand()
            self.expect("AND")
            return Between(left, low, self.operand())
        if self.take("IN"):
            self.count_operator()
            self.expect("(")
            choices = [self.operand()]
            while self.take(","):
                choices.append(self.operand())
            self.expect(")")
            if len(choices) > MOST_CHOICES:
                raise Wrong(
                    f"The IN operator is provided with too many operands; number of operands: {len(choices)}"
                    f", maximum operands allowed: {MOST_CHOICES}"
                )
            return In(left, tuple(choices))
        return left

    def operand(self) -> Any:
        """A value: a path, a placeholder, size(...)."""
        found = self.primary()
        if is_condition(found):
            if isinstance(found, Call):
                raise Wrong(f"The function is not allowed to be used this way in an expression; function: {found.function}")
            raise self.syntax_error()
        return found

    def primary(self) -> Any:
        """A function, a path, a placeholder, or anything in parentheses."""
        token = self.token
        if self.take("("):
            self.deeper()
            doubled = self.token.text == "("
            found = self.disjunction()
            inner_end = self.tokens[self.at - 1].text == ")"
            self.expect(")")
            self.depth -= 1
            if doubled and inner_end and self._wraps(token):
                raise Wrong("The expression has redundant parentheses;")
            return found
        return self.value_or_call()

    def _wraps(self, opening: Token) -> bool:
        """Whether the parentheses just closed hold nothing but one other pair."""
        level = 0
        inside = self.tokens[self.tokens.index(opening) + 1 : self.at - 1]
        for index, token in enumerate(inside):
            level += (token.text == "(") - (token.text == ")")
            if level == 0:
                return index == len(inside) - 1
        return False

    def value_or_call(self) -> Any:
        """A function, a path or a placeholder."""
        token = self.token
        if token.kind == "value":
            self.at += 1
            return Placeholder(token.text)
        following = self.tokens[min(self.at + 1, len(self.tokens) - 1)]
        if token.kind == "word" and following.text == "(" and token.text.upper() not in ("NOT", "AND", "OR", "BETWEEN", "IN"):
            return self.call()
        return self.path()

    def call(self) -> Call:
        """name(argument, ...)."""
        name = self.token.text
        self.at += 2
        known = CONDITION_FUNCTIONS | OPERAND_FUNCTIONS | UPDATE_FUNCTIONS
        if name not in known:
            raise Wrong(f"Invalid function name; function: {name}")
        if name not in self.functions:
            where = "an update expression" if "if_not_exists" in self.functions else "a condition expression"
            raise Wrong(f"The function is not allowed in {where}; function: {name}")
        arguments = []
        if not self.take(")"):
            self.deeper()
            arguments.append(self.operand())
            while self.take(","):
                arguments.append(self.operand())
            self.expect(")")
            self.depth -= 1
        if len(arguments) != known[name]:
            raise Wrong(
                f"Incorrect number of operands for operator or function; operator or function: {name}, number of operands: {len(arguments)}"
            )
        self.count_operator()
        return Call(name, tuple(arguments))

    # Paths

    def path(self) -> Path:
        """a.#b[0].c"""
        steps: list[str | int] = [self.step()]
        while True:
            if self.take("."):
                steps.append(self.step())
            elif self.take("["):
                token = self.token
                if token.kind != "number":
                    raise self.syntax_error()
                if len(token.text) > 9:
                    raise Wrong(f"List index is not within the allowable range; index: [{token.text}]")
                self.at += 1
                self.expect("]")
                steps.append(int(token.text))
            else:
                break
        if len(steps) > DEEPEST_PATH:
            raise Wrong(f"The document path has too many nesting elements; nesting level: {len(steps)}")
        return Path(tuple(steps))

    def step(self) -> str:
        """A name or #placeholder."""
        token = self.token
        if token.kind not in ("word", "name"):
            raise self.syntax_error()
        if token.kind == "word" and token.text.upper() in RESERVED:
            if token.text.upper() in ("AND", "OR", "NOT", "BETWEEN", "IN", *_SECTIONS):
                raise self.syntax_error()
            raise Wrong(f"Attribute name is a reserved keyword; reserved keyword: {token.text}")
        self.at += 1
        return token.text

    # Updates

    def update(self) -> Update:
        """SET ... REMOVE ... ADD ... DELETE ..., each at most once, in any order."""
        clauses: dict[str, list[Any]] = {}
        while self.token.kind != "end":
            section = self.token.text.upper()
            if self.token.kind != "word" or section not in _SECTIONS:
                raise self.syntax_error()
            if section in clauses:
                raise Wrong(f'The "{section}" section can only be used once in an update expression;')
            self.at += 1
            read = {"SET": self.assignment, "REMOVE": self.path}.get(section, self.change)
            found = clauses[section] = [read()]
            while self.take(","):
                found.append(read())
        return Update(*(tuple(clauses.get(section, ())) for section in _SECTIONS))

    def assignment(self) -> tuple[Path, Any]:
        """path = value, path = a + b."""
        path = self.path()
        self.expect("=")
        self.count_operator()
        return path, self.sum()

    def sum(self) -> Any:
        """An operand, or two with + or - between them; parentheses around it are allowed."""
        if self.take("("):
            self.deeper()
            left = self.sum()
            self.expect(")")
            self.depth -= 1
        else:
            left = self.value_or_call()
        for operator in "+-":
            if self.take(operator):
                self.count_operator()
                return Arithmetic(operator, left, self.value_or_call())
        return left

    def change(self) -> tuple[Path, Any]:
        """path value, in ADD and DELETE."""
        path = self.path()
        token = self.token
        if token.kind != "value":
            raise self.syntax_error()
        self.at += 1
        self.count_operator()
        return path, Placeholder(token.text)
