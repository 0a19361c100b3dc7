r"""The formats of `query`: text with `%` and `[ ]` in it, parsed into pieces that name fields.

    >>> parse("%CHROM\t%INFO/DP[ %GT]\n")

follows bcftools query 1.16: `%NAME` is a column of VCF or an INFO tag, within brackets rather a FORMAT tag;
`%NAME{2}` one value of a tag; `\n` and `\t` a line end and a tab. Parsing looks at no store.
"""

from __future__ import annotations

import re
from typing import NamedTuple, TypeAlias

from vczero.errors import ExpressionError

__all__ = ["Group", "Part", "Tag", "Text", "has_newline", "parse"]

_NAME = re.compile(r"(?P<info>INFO/|FORMAT/)?(?P<name>[A-Za-z0-9_.]+)")
_SUBSCRIPT = re.compile(r"\{(\d+)\}")
# What bcftools prints whole: "{0}" after them is text.
_COLUMNS = frozenset(
    {"CHROM", "POS", "POS0", "END", "END0", "ID", "REF", "FIRST_ALT", "QUAL", "FILTER", "TYPE"}
)
_WHOLE = _COLUMNS | {"INFO", "FORMAT", "LINE", "MASK", "SAMPLE", "GT", "TGT", "IUPACGT"}
_ESCAPES = {"n": "\n", "t": "\t"}


class Text(NamedTuple):
    """Text as it is."""

    text: str


class Tag(NamedTuple):
    """`%NAME`, `%INFO/NAME` or `%NAME{subscript}`.

    Attributes:
        category: "INFO" or "FORMAT" where the format says which, else "".
        position: where in the format it stands, for messages.
    """

    name: str
    category: str = ""
    subscript: int | None = None
    argument: str | None = None
    position: int = 0


class Group(NamedTuple):
    """`[...]`: its parts once for each sample."""

    parts: tuple[Text | Tag, ...]


Part: TypeAlias = Text | Tag | Group


def parse(text: str) -> tuple[Part, ...]:
    """The format's parts, in order.

    Raises:
        ExpressionError: with the position of what cannot be understood.
    """
    parts: list[Part] = []
    group: list[Text | Tag] | None = None
    opened = at = 0
    while at < len(text):
        character = text[at]
        if character == "[" and group is None:
            group, opened = [], at
            at += 1
        elif character == "]" and group is not None:
            parts.append(Group(tuple(group)))
            group = None
            at += 1
        elif character in "[]":
            raise _error("brackets do not nest" if character == "[" else "no bracket is open here", text, at)
        else:
            part, at = _parse_tag(text, at) if character == "%" else _parse_text(text, at)
            (parts if group is None else group).append(part)
    if group is not None:
        raise _error('the bracket "[" is not closed', text, opened)
    return tuple(parts)


def has_newline(parts: tuple[Part, ...]) -> bool:
    """Whether the parts, those in brackets included, write a line end."""
    for part in parts:
        inner = part.parts if isinstance(part, Group) else (part,)
        for item in inner:
            if "\n" in item.text if isinstance(item, Text) else item.name == "LINE":
                return True
    return False


def _parse_text(text: str, at: int) -> tuple[Text, int]:
    """Text up to the next `%` or bracket, escapes taken out."""
    made = []
    while at < len(text) and text[at] not in "%[]":
        if text[at] == "\\" and at + 1 < len(text):
            at += 1
            made.append(_ESCAPES.get(text[at], text[at]))
        else:
            made.append(text[at])
        at += 1
    return Text("".join(made)), at


def _parse_tag(text: str, at: int) -> tuple[Text | Tag, int]:
    if text.startswith("%%", at):
        return Text("%"), at + 2
    match = _NAME.match(text, at + 1)
    if match is None:
        raise _error('a tag must follow "%" ("%%" is a percent sign)', text, at)
    end = match.end()
    name, category = match["name"], (match["info"] or "").rstrip("/")
    if name == "N_PASS" and not category:
        argument, end = _parse_argument(text, end)
        return Tag(name, argument=argument, position=at), end
    if name == "INFO" and text.startswith("/", end):
        raise _error('a tag must follow "INFO/"', text, at)
    subscript = None
    if name not in _WHOLE and (found := _SUBSCRIPT.match(text, end)):
        subscript, end = int(found[1]), found.end()
    return Tag(name, category, subscript, position=at), end


def _parse_argument(text: str, at: int) -> tuple[str, int]:
    """What stands within the parentheses that open here; quotes and nested parentheses are passed over."""
    depth, quote = 0, ""
    for end in range(at, len(text)):
        character = text[end]
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        else:
            depth += (character == "(") - (character == ")")
        if depth == 0:
            break
    else:
        end = at
    if end == at:
        raise _error("N_PASS needs an expression in parentheses", text, min(at, len(text)))
    return text[at + 1 : end], end + 1


def _error(reason: str, text: str, position: int) -> ExpressionError:
    return ExpressionError(f"query format: {reason}", text=text, position=position)
