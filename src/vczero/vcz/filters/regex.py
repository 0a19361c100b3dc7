"""POSIX basic regular expressions, as bcftools 1.16 takes them, compiled to an automaton over bytes.

The syntax is GNU's of `regcomp` without REG_EXTENDED, in the C locale: `*`, `.`, `[...]`, `^`, `$`,
`\\(...\\)`, `\\{m,n\\}`, and GNU's `\\|`, `\\+`, `\\?`, `\\w`, `\\W`, `\\s`, `\\S`, `\\b`, `\\B`, `\\<`
and `\\>`.
Back-references are refused: with them no bound on the time of a match can be kept.

A deterministic automaton reads each byte once, so that no expression is slow on any text; what would need too
many states is refused when it is compiled.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple, NoReturn

import numpy as np
import numpy.typing as npt

__all__ = ["Automaton", "RegexError", "compile_regex"]

MAX_PATTERN: Final = 1000
MAX_NODES: Final = 2000
MAX_STATES: Final = 1000
_MAX_GROUPS: Final = 40

_ALL: Final = (1 << 256) - 2  # any byte but NUL


_NEVER: Final = 1 << 256


def _bits(characters: bytes) -> int:
    return sum(1 << byte for byte in set(characters))


_LOWER: Final = bytes(range(ord("a"), ord("z") + 1))
_DIGITS: Final = b"0123456789"
_PUNCTUATION: Final = bytes(b for b in range(33, 127) if not chr(b).isalnum())
_CLASSES: Final[dict[bytes, int]] = {
    b"alpha": _bits(_LOWER + _LOWER.upper()),
    b"digit": _bits(_DIGITS),
    b"alnum": _bits(_LOWER + _LOWER.upper() + _DIGITS),
    b"upper": _bits(_LOWER.upper()),
    b"lower": _bits(_LOWER),
    b"space": _bits(b" \t\n\r\f\v"),
    b"blank": _bits(b" \t"),
    b"punct": _bits(_PUNCTUATION),
    b"print": _bits(bytes(range(32, 127))),
    b"graph": _bits(bytes(range(33, 127))),
    b"cntrl": _bits(bytes([*range(32), 127])),
    b"xdigit": _bits(_DIGITS + b"abcdefABCDEF"),
}
_WORD: Final = _CLASSES[b"alnum"] | _bits(b"_")
_ESCAPED_SETS: Final = {
    b"w": _WORD,
    b"W": _ALL & ~_WORD,
    b"s": _CLASSES[b"space"],
    b"S": _ALL & ~_CLASSES[b"space"],
}
_ASSERTIONS: Final = {
    b"b": "boundary",
    b"B": "inside",
    b"<": "word",
    b">": "end",
    b"`": "first",
    b"'": "last",
}


class RegexError(Exception):
    """A pattern that is malformed or not supported; the message completes "the regular expression ..."."""


@dataclass(frozen=True, slots=True, eq=False)
class Automaton:
    """A deterministic automaton that looks for a pattern anywhere in a run of bytes.

    Attributes:
        classes: uint8, (256,). Each byte's column of `table`.
        table: int16, (states, columns). The next state; state 0 means found, state 1 is where it starts.
        at_end: uint8, (states,). Whether the run matches if it ends in this state.
    """

    classes: npt.NDArray[np.uint8]
    table: npt.NDArray[np.int16]
    at_end: npt.NDArray[np.uint8]


class _Node(NamedTuple):
    """A node of the nondeterministic automaton: bytes to read, or a condition, or neither; then where to."""

    bytes_: int
    assertion: str
    targets: tuple[int, ...]


@lru_cache(maxsize=64)
def compile_regex(pattern: bytes, *, ignore_case: bool = False) -> Automaton:
    """The automaton of a pattern.

    Raises:
        RegexError: malformed, not supported, or too complex.
    """
    if len(pattern) > MAX_PATTERN:
        raise RegexError(f"has {len(pattern)} bytes; at most {MAX_PATTERN} are read")
    if b"\0" in pattern:
        raise RegexError("holds a NUL byte")
    program = _Parser(pattern, ignore_case=ignore_case)
    nodes, start = program.nodes, program.parse()
    return _determine(nodes, start)


class _Parser:
    """Recursive descent over a pattern. It builds the automaton from the pattern's end: each part is made for
    the node that follows it, so a part is parsed to a tree first."""

    def __init__(self, pattern: bytes, *, ignore_case: bool) -> None:
        self.pattern = pattern
        self.position = 0
        self.ignore_case = ignore_case
        self.depth = 0
        self.nodes: list[_Node] = [_Node(0, "match", ())]

    def parse(self) -> int:
        """The start node of the whole pattern; node 0 is the match."""
        tree = self._alternatives()
        if self.position < len(self.pattern):
            self._fail(r"has a \) without \(")
        return self._build(tree, 0)

    def _fail(self, problem: str) -> NoReturn:
        raise RegexError(problem)

    def _peek(self, text: bytes) -> bool:
        return self.pattern.startswith(text, self.position)

    def _accept(self, text: bytes) -> bool:
        found = self._peek(text)
        self.position += len(text) if found else 0
        return found

    def _alternatives(self) -> tuple[object, ...]:
        branches = [self._sequence()]
        while self._accept(rb"\|"):
            branches.append(self._sequence())
        return ("or", *branches)

    def _sequence(self) -> tuple[object, ...]:
        parts: list[tuple[object, ...]] = []
        while self.position < len(self.pattern) and not self._peek(rb"\|") and not self._peek(rb"\)"):
            atom = self._atom(may_anchor=not parts)
            # After an anchor, as at the start, `*` is a character.
            parts.append(atom if atom[0] == "assert" else self._repeats(atom))
        return ("and", *parts)

    def _atom(self, *, may_anchor: bool) -> tuple[object, ...]:
        if self._accept(rb"\("):
            self.depth += 1
            if self.depth > _MAX_GROUPS:
                self._fail(f"nests groups more than {_MAX_GROUPS} deep")
            group = self._alternatives()
            if not self._accept(rb"\)"):
                self._fail(r"has a \( without \)")
            self.depth -= 1
            return group
        if may_anchor and self._accept(b"^"):
            return ("assert", "first")
        if self._peek(b"$") and self.pattern[self.position + 1 : self.position + 3] in (b"", rb"\)", rb"\|"):
            self.position += 1
            return ("assert", "last")
        if self._accept(b"["):
            return ("set", self._bracket())
        if self._accept(b"."):
            return ("set", _ALL)
        if self._accept(b"\\"):
            return self._escape()
        byte = self.pattern[self.position : self.position + 1]
        self.position += 1
        return ("set", self._fold(_bits(byte)))

    def _escape(self) -> tuple[object, ...]:
        byte = self.pattern[self.position : self.position + 1]
        if not byte:
            self._fail("ends in a backslash")
        self.position += 1
        if byte.isdigit() and byte != b"0":
            self._fail("uses a back-reference, which is not supported")
        if byte == b"{":
            self._fail(r"has nothing before \{")
        if byte in _ESCAPED_SETS:
            return ("set", _ESCAPED_SETS[byte])
        if byte in _ASSERTIONS:
            return ("assert", _ASSERTIONS[byte])
        if self.ignore_case and byte[0] in _LOWER:
            return ("set", _NEVER)  # glibc compares this letter as it is with text in upper case
        return ("set", self._fold(_bits(byte)))

    def _fold(self, bits: int) -> int:
        """The set with the other case of its letters, if case is ignored."""
        if self.ignore_case:
            for byte in _LOWER:
                if bits >> byte & 1 or bits >> (byte - 32) & 1:
                    bits |= 1 << byte | 1 << (byte - 32)
        return bits

    def _bracket(self) -> int:
        """The set of `[...]`, from after its opening."""
        negated = self._accept(b"^")
        bits, first = 0, True
        while first or not self._accept(b"]"):
            first = False
            low = self._element()
            if self._peek(b"-") and self.pattern[self.position + 1 : self.position + 2] not in (b"]", b""):
                self.position += 1
                high = self._element()
                if not isinstance(low, bytes) or not isinstance(high, bytes) or high < low:
                    self._fail("has a range that runs backwards, or from or to a class")
                bits |= (1 << (high[0] + 1)) - (1 << low[0])
            else:
                bits |= _bits(low) if isinstance(low, bytes) else low
        bits = self._fold(bits)
        return _ALL & ~bits if negated else bits

    def _element(self) -> bytes | int:
        """What comes next in a bracket: one byte, or the set of a class."""
        for opening, closing in ((b"[:", b":]"), (b"[=", b"=]"), (b"[.", b".]")):
            if self._accept(opening):
                end = self.pattern.find(closing, self.position)
                name = self.pattern[self.position : max(end, 0)]
                self.position = end + 2
                if end < 0 or (opening != b"[:" and len(name) != 1):
                    self._fail("has a collating element of several characters, which is not supported")
                if opening == b"[:" and name not in _CLASSES:
                    self._fail("has a character class that does not exist")
                return _CLASSES[name] if opening == b"[:" else _bits(name) if opening == b"[=" else name
        byte = self.pattern[self.position : self.position + 1]
        if not byte:
            self._fail("has a [ without ]")
        self.position += 1
        return byte

    def _repeats(self, atom: tuple[object, ...]) -> tuple[object, ...]:
        repeated = False
        while True:
            if repeated and (self._peek(b"*") or self._peek(rb"\{")):
                self._fail("repeats a repetition")
            if self._accept(b"*"):
                atom = ("repeat", atom, 0, None)
            elif self._accept(rb"\+"):
                atom = ("repeat", atom, 1, None)
            elif self._accept(rb"\?"):
                atom = ("repeat", atom, 0, 1)
            elif self._accept(rb"\{"):
                atom = ("repeat", atom, *self._interval())
            else:
                return atom
            repeated = True

    def _interval(self) -> tuple[int, int | None]:
        """The bounds of `\\{m,n\\}`, from after its opening."""
        found = re.compile(rb"(\d{0,5})(,?)(\d{0,5})\\}").match(self.pattern, self.position)
        if not found or not (found[1] or found[2]):
            self._fail(r"has a malformed \{...\}")
        self.position = found.end()
        least = int(found[1] or 0)
        most = least if not found[2] else int(found[3]) if found[3] else None
        if least > 32767 or (most is not None and not least <= most <= 32767):
            self._fail(r"has a malformed \{...\}")
        return least, most

    def _node(self, bits: int, assertion: str, targets: tuple[int, ...]) -> int:
        if len(self.nodes) >= MAX_NODES:
            self._fail("is too complex")
        self.nodes.append(_Node(bits, assertion, targets))
        return len(self.nodes) - 1

    def _build(self, tree: tuple[object, ...], following: int) -> int:
        """The first node of a part that goes on to `following`."""
        kind, *parts = tree
        if kind == "set":
            return self._node(parts[0], "", (following,))  # type: ignore[arg-type]
        if kind == "assert":
            return self._node(0, parts[0], (following,))  # type: ignore[arg-type]
        if kind == "or":
            branches = tuple(self._build(part, following) for part in parts)  # type: ignore[arg-type]
            return branches[0] if len(branches) == 1 else self._node(0, "", branches)
        if kind == "and":
            for part in reversed(parts):
                following = self._build(part, following)  # type: ignore[arg-type]
            return following
        atom, least, most = parts
        return self._build_repeat(atom, least, most, following)  # type: ignore[arg-type]

    def _build_repeat(self, atom: tuple[object, ...], least: int, most: int | None, following: int) -> int:
        if most is None:
            loop = self._node(0, "", ())
            body = self._build(atom, loop)
            self.nodes[loop] = _Node(0, "", (body, following))
            following = loop
        else:
            end = following
            for _ in range(most - least):
                following = self._node(0, "", (self._build(atom, following), end))
        for _ in range(least):
            following = self._build(atom, following)
        return following


_START, _IN_WORD, _NO_WORD, _END = range(4)
_State = tuple[frozenset[int], int]


def _determine(nodes: list[_Node], start: int) -> Automaton:
    """The deterministic automaton that finds the pattern anywhere.

    A state is the set of nodes that may come next, with what kind of byte came last; conditions such as `$`
    are looked at when the next byte, or the end, is known.
    """
    uses_words = any(node.assertion in ("boundary", "inside", "word", "end") for node in nodes)
    classes, representatives = _byte_classes({node.bytes_ for node in nodes if node.bytes_}, uses_words)

    def kind(byte: int) -> int:
        return _IN_WORD if uses_words and _WORD >> byte & 1 else _NO_WORD

    first: _State = (frozenset([start]), _START)
    numbers: dict[_State, int] = {first: 1}
    pending = [first]
    rows: dict[int, list[int]] = {0: [0] * len(representatives)}
    at_end = {0: 1}
    while pending:
        state = pending.pop()
        number = numbers[state]
        at_end[number] = int(0 in _reach(nodes, state, _END))
        closures = {k: _reach(nodes, state, k) for k in {kind(byte) for byte in representatives}}
        row = []
        for byte in representatives:
            reached = closures[kind(byte)]
            if 0 in reached:
                row.append(0)
                continue
            after = [t for n in reached if nodes[n].bytes_ >> byte & 1 for t in nodes[n].targets]
            target: _State = (frozenset([*after, start]), kind(byte))
            if target not in numbers:
                if len(numbers) >= MAX_STATES:
                    raise RegexError("is too complex")
                numbers[target] = len(numbers) + 1
                pending.append(target)
            row.append(numbers[target])
        rows[number] = row
    table = np.array([rows[number] for number in range(len(rows))], dtype=np.int16)
    return Automaton(classes, table, np.array([at_end[n] for n in range(len(rows))], dtype=np.uint8))


def _byte_classes(sets: set[int], uses_words: bool) -> tuple[npt.NDArray[np.uint8], list[int]]:
    """Bytes that no node tells apart share a class: each byte's class, and one byte of each."""
    ordered = [*sets, *([_WORD] if uses_words else [])]
    known: dict[tuple[int, ...], int] = {}
    classes = np.zeros(256, dtype=np.uint8)
    representatives = []
    for byte in range(256):
        signature = tuple(bits >> byte & 1 for bits in ordered)
        if signature not in known:
            known[signature] = len(known)
            representatives.append(byte)
        classes[byte] = known[signature]
    return classes, representatives


def _reach(nodes: list[_Node], state: _State, following: int) -> set[int]:
    """The nodes that a state reaches without reading, if `following` comes next."""
    members, previous = state
    reached: set[int] = set()
    pending = list(members)
    while pending:
        number = pending.pop()
        if number in reached:
            continue
        reached.add(number)
        node = nodes[number]
        if not node.bytes_ and (not node.assertion or _holds(node.assertion, previous, following)):
            pending.extend(node.targets)
    return reached


def _holds(assertion: str, previous: int, following: int) -> bool:
    """Whether a condition is true between two kinds of bytes."""
    before, after = previous == _IN_WORD, following == _IN_WORD
    if assertion == "first":
        return previous == _START
    if assertion == "last":
        return following == _END
    if assertion == "boundary":
        return before != after
    if assertion == "inside":
        return before == after
    return (after and not before) if assertion == "word" else (before and not after)
