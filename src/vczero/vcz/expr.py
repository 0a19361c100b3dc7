"""Text of a filter expression to a frozen tree. No store, no arrays: names are looked up in `resolve`.

The language is that of bcftools 1.16 (`man bcftools`, section EXPRESSIONS). An expression is a flat sequence
of operands and binary operators, grouped by this table, the loosest first:

    ||  |            or
    &&  &            and
    =  ==  !=  ~  !~  <  <=  >  >=          at most one in a row
    +  -
    *  /  %

Operators of one level group from the right, as bcftools 1.16 does: `10-5-2` is 10-(5-2), `A && B & C` is
`A && (B & C)`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from vczero.errors import ExpressionError

if TYPE_CHECKING:
    import parsy

__all__ = [
    "FUNCTIONS",
    "Call",
    "Chain",
    "Compare",
    "Expression",
    "File",
    "Negative",
    "Node",
    "Number",
    "Tag",
    "Text",
    "error_at",
    "parse",
]

# A tree is walked by recursion; what people write is a few levels deep.
MAX_DEPTH: Final = 30
# A single argument of a command line holds at most this much on Linux.
MAX_LENGTH: Final = 1 << 17

Level: TypeAlias = Literal["or", "and", "compare", "sum", "product"]
_LEVELS: Final[dict[Level, frozenset[str]]] = {
    "or": frozenset({"|", "||"}),
    "and": frozenset({"&", "&&"}),
    "compare": frozenset({"=", "==", "!=", "~", "!~", "<", "<=", ">", ">="}),
    "sum": frozenset({"+", "-"}),
    "product": frozenset({"*", "/", "%"}),
}
_PER_SAMPLE = ("MAX", "MIN", "AVG", "MEAN", "MEDIAN", "STDEV", "SUM")
FUNCTIONS: Final = frozenset(f"{prefix}{name}" for prefix in ("", "SMPL_", "S") for name in _PER_SAMPLE) | {
    "ABS",
    "COUNT",
    "STRLEN",
    "BINOM",
    "PHRED",
    "N_PASS",
    "F_PASS",
}


@dataclass(frozen=True, slots=True)
class Number:
    """A numeric constant."""

    value: float
    start: int


@dataclass(frozen=True, slots=True)
class Text:
    """A constant in quotes, single or double; there are no escapes."""

    value: str
    start: int


@dataclass(frozen=True, slots=True)
class File:
    """`@path`: a file with one ID per line."""

    path: str
    start: int


@dataclass(frozen=True, slots=True)
class Tag:
    """A column, an INFO or FORMAT tag, or a variable: `name` as written, without `%` and subscript.

    `subscript` is what stands in the square brackets, or None where there are none.
    """

    name: str
    subscript: str | None
    start: int


@dataclass(frozen=True, slots=True)
class Call:
    """A function of FUNCTIONS, its name in upper case."""

    function: str
    arguments: tuple[Node, ...]
    start: int


@dataclass(frozen=True, slots=True)
class Negative:
    """Unary minus."""

    operand: Node
    start: int


@dataclass(frozen=True, slots=True)
class Chain:
    """Operands joined by operators of one level, which group from the right."""

    level: Literal["or", "and", "sum", "product"]
    operands: tuple[Node, ...]
    operators: tuple[str, ...]
    start: int


@dataclass(frozen=True, slots=True)
class Compare:
    """A comparison; `==` has become `=`. `start` is the operator's place."""

    left: Node
    operator: Literal["=", "!=", "~", "!~", "<", "<=", ">", ">="]
    right: Node
    start: int


Node: TypeAlias = Number | Text | File | Tag | Call | Negative | Chain | Compare


@dataclass(frozen=True, slots=True)
class Expression:
    """A parsed expression: its text and its tree."""

    text: str
    root: Node


def error_at(text: str, position: int, problem: str) -> ExpressionError:
    """The error that shows `text` with a caret under `position`; long text is cut around it."""
    first = max(0, position - 60)
    shown = "".join(c if c.isprintable() else " " for c in text[first : position + 40])
    head, tail = ("..." if first else ""), ("..." if position + 40 < len(text) else "")
    caret = " " * (len(head) + position - first) + "^"
    return ExpressionError(f"{problem}\n  {head}{shown}{tail}\n  {caret}", text=text, position=position)


def parse(text: str) -> Expression:
    """The tree of an expression.

    Raises:
        ExpressionError: with the expression and a caret under the place.
    """
    import parsy

    if len(text) > MAX_LENGTH:
        raise error_at(
            text[:200], 0, f"the expression has {len(text)} characters; at most {MAX_LENGTH} are read"
        )
    if not text.strip():
        raise error_at(text, 0, "the expression is empty")
    if text.lstrip()[:5].lower() == "perl:":
        raise error_at(text, 0, "Perl scripts are not supported in expressions")
    _check_depth(text)
    try:
        root = _grammar().parse(text)
    except parsy.ParseError as error:
        raise _unexpected(text, error.index, error.expected) from None
    except _MistakeError as mistake:
        raise error_at(text, mistake.position, mistake.problem) from None
    return Expression(text, root)


class _MistakeError(Exception):
    """Something that the grammar allows and the language does not."""

    def __init__(self, position: int, problem: str) -> None:
        super().__init__(problem)
        self.position = position
        self.problem = problem


def _check_depth(text: str) -> None:
    """Refuses deep nesting before anything recurses over it."""
    depth, quote = 0, ""
    for position, character in enumerate(text):
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        elif character == "(":
            depth += 1
            if depth > MAX_DEPTH:
                raise error_at(text, position, f"parentheses are nested more than {MAX_DEPTH} deep")
        elif character == ")":
            depth -= 1


def _unexpected(text: str, position: int, expected: frozenset[str]) -> ExpressionError:
    """The error for text that the grammar refuses at `position`."""
    rest = text[position:]
    if rest[:1] in ("'", '"') and rest[:1] not in rest[1:]:
        return error_at(text, position, "this quote is not closed")
    if rest[:1] == "!":
        return error_at(text, position, "there is no operator `!` by itself; use !=, !~ or the opposite test")
    if rest[:1] == "[" and "]" not in rest:
        return error_at(text, position, "this bracket is not closed")
    found = f"found {rest[0]!r}" if rest else "the expression ends here"
    return error_at(text, position, f"expected {' or '.join(sorted(expected))}; {found}")


@cache
def _grammar() -> parsy.Parser:
    """The parser of whole expressions."""
    from parsy import eof, forward_declaration, index, regex, seq, string

    blank = regex(r"\s*")

    def token(pattern: str, name: str) -> parsy.Parser:
        return regex(pattern).desc(name) << blank

    expression = forward_declaration()
    number = token(r"(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?![0-9A-Za-z])", "a number")
    text = token(r'"[^"]*"|\'[^\']*\'', "text in quotes")
    file = token(r"@[^\s=!&|)]+", "a file")
    name = token(r"%?(?:(?i:INFO|FORMAT|FMT)/)?[^\"'\s<>=!&|()+*\-/~%\[\],@]+", "a tag")
    subscript = (string("[") >> regex(r"[^\]]*").desc("a subscript") << string("]")).desc(
        "a subscript"
    ) << blank
    opening, closing, comma = token(r"\(", "'('"), token(r"\)", "')'"), token(",", "','")
    arguments = (opening >> expression.sep_by(comma) << closing).map(tuple)

    operand = (
        seq(index, number).combine(lambda start, digits: Number(float(digits), start))
        | seq(index, text).combine(lambda start, quoted: Text(quoted[1:-1], start))
        | seq(index, file).combine(lambda start, at: File(at[1:], start))
        | seq(index, name, arguments | subscript.optional()).combine(_tag_or_call)
        | opening >> expression << closing
    )
    signs = seq(index, regex(r"(?:-\s*)*")).combine(lambda start, minus: (start, minus.count("-") % 2))
    signed = seq(signs, operand).combine(lambda sign, node: Negative(node, sign[0]) if sign[1] else node)
    operator = seq(index, token(r"&&|\|\||[=!<>]=|!~|[-+*/%~=<>&|]", "an operator"))
    expression.become(seq(signed, seq(operator, signed).many()).combine(_group))
    return blank >> expression << eof.desc("the end")


def _tag_or_call(start: int, name: str, rest: tuple[Node, ...] | str | None) -> Tag | Call:
    """What a name stands for, by what follows it."""
    bare = name.removeprefix("%")
    if not isinstance(rest, tuple):
        return Tag(bare, rest, start)
    function = bare.upper()
    if function.startswith("PERL."):
        raise _MistakeError(start, "Perl functions are not supported in expressions")
    if function == "FISHER":
        raise _MistakeError(start, "there is no function fisher() (bcftools 1.16 has none)")
    if function not in FUNCTIONS:
        import difflib

        near = difflib.get_close_matches(function, FUNCTIONS, n=2)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise _MistakeError(start, f"there is no function {bare[:40]}(){hint}")
    return Call(function, rest, start)


def _group(first: Node, rest: Sequence[tuple[tuple[int, str], Node]]) -> Node:
    """Groups a flat sequence of operands and operators by the table of levels."""
    operands = [first, *(node for _, node in rest)]
    return _group_level(operands, [operator for operator, _ in rest], list(_LEVELS))


def _group_level(operands: list[Node], operators: list[tuple[int, str]], levels: list[Level]) -> Node:
    if not operators:
        return operands[0]
    level, *tighter = levels
    splits = [i for i, (_, symbol) in enumerate(operators) if symbol in _LEVELS[level]]
    bounds = zip([-1, *splits], [*splits, len(operators)], strict=True)
    parts = [_group_level(operands[a + 1 : b + 1], operators[a + 1 : b], tighter) for a, b in bounds]
    if not splits:
        return parts[0]
    start, symbol = operators[splits[0]]
    if level == "compare":
        if len(splits) > 1:
            raise _MistakeError(
                operators[splits[1]][0], "a comparison cannot be compared; join tests with & or &&"
            )
        comparison: Any = "=" if symbol == "==" else symbol
        return Compare(parts[0], comparison, parts[1], start)
    return Chain(level, tuple(parts), tuple(operators[i][1] for i in splits), start)
