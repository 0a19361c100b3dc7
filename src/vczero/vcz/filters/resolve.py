"""A parsed expression and a store's description to a test: types checked before any data is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, TypeAlias, TypeGuard

import numpy.typing as npt

from vczero.errors import SelectionError
from vczero.kernels.alleles import TYPE_BITS
from vczero.vcz.expr import Call, Chain, Compare, Expression, File, Negative, Node, Number, Tag, Text
from vczero.vcz.filters.comparison import CompareNumbers
from vczero.vcz.filters.conditions import Both, Condition, Either, Rows
from vczero.vcz.filters.functions import (
    Absolute,
    Binomial,
    CountFields,
    CountPassing,
    CountValues,
    Phred,
    Reduce,
    TextLength,
)
from vczero.vcz.filters.genotypes import GenotypeTest, as_keyword
from vczero.vcz.filters.names import Genotype, Names, Special
from vczero.vcz.filters.numeric import (
    Arithmetic,
    Constant,
    FormatNumbers,
    InfoNumbers,
    Missing,
    Quantity,
    Scalar,
)
from vczero.vcz.filters.regex import Automaton, RegexError, compile_regex
from vczero.vcz.filters.sitetests import FilterTest, ListedIdentifier, TypeTest
from vczero.vcz.filters.subscripts import read_list
from vczero.vcz.filters.texts import (
    AlleleText,
    Chromosome,
    CompareText,
    FormatText,
    Identifier,
    InfoText,
    Pattern,
    TextConstant,
    TextSource,
)
from vczero.vcz.schema import Metadata

__all__ = ["resolve"]

Operand: TypeAlias = Quantity | TextSource | Special | Genotype | File
_TEXTS: Final = AlleleText | Chromosome | FormatText | Identifier | InfoText | TextConstant


def resolve(
    expression: Expression,
    metadata: Metadata,
    sample_ids: npt.NDArray[Any],
    numbers: npt.NDArray[Any] | None = None,
) -> Condition:
    """The test that an expression makes in a store.

    Args:
        expression: parsed.
        metadata: of the store.
        sample_ids: (samples,). The samples that the test sees, in the order of their axis.
        numbers: int64, (samples,). The numbers by which subscripts call them; None: 0, 1, 2 ...

    Raises:
        ExpressionError: a name that the store lacks, or operands that do not fit, with a caret.
    """
    return _Resolver(Names(expression.text, metadata, sample_ids, numbers)).condition(expression.root)


@dataclass(frozen=True, slots=True, eq=False)
class _Resolver:
    names: Names

    def condition(self, node: Node) -> Condition:
        """What must be a test."""
        if isinstance(node, Chain) and node.level in ("or", "and"):
            joined = Either if node.level == "or" else Both
            return joined(tuple(self.condition(operand) for operand in node.operands), node.operators)
        if isinstance(node, Compare):
            return self._compare(node)
        raise self.names.error(node.start, "this is a value, not a test; compare it with another")

    def operand(self, node: Node) -> Operand:
        """What must be a value."""
        if isinstance(node, Number):
            return Constant(node.value)
        if isinstance(node, Text):
            return TextConstant(node.value.encode(errors="surrogateescape"))
        if isinstance(node, File):
            return node
        if isinstance(node, Tag):
            return self.names.find(node)
        if isinstance(node, Negative):
            return _folded(Arithmetic((Constant(-1.0), self.number(node.operand)), ("*",)))
        if isinstance(node, Call):
            return self._call(node)
        if isinstance(node, Chain) and node.level in ("sum", "product"):
            operands = tuple(self.number(operand) for operand in node.operands)
            return _folded(Arithmetic(operands, node.operators))  # type: ignore[arg-type]  # by the level
        raise self.names.error(node.start, "this is a test, not a value")

    def number(self, node: Node) -> Quantity:
        """What must be numbers."""
        operand = self.operand(node)
        if not _is_quantity(operand):
            raise self.names.error(node.start, f"{_name(operand)} is not a number")
        return operand

    # --- comparisons ---

    def _compare(self, node: Compare) -> Condition:
        left, right = self.operand(node.left), self.operand(node.right)
        for ours, other, other_node in ((left, right, node.right), (right, left, node.left)):
            if isinstance(ours, Special | Genotype):
                return self._compare_special(node, ours, other, other_node, swapped=ours is right)
        if isinstance(left, File) or isinstance(right, File):
            return self._compare_listed(node, left, right)
        left, right = self._missing(node, left, right)
        if _is_quantity(left) or _is_quantity(right):
            if node.operator in ("~", "!~"):
                raise self.names.error(node.start, f"`{node.operator}` is for text")
            if not _is_quantity(left) or not _is_quantity(right):
                raise self.names.error(node.start, "text cannot be compared with a number")
            return CompareNumbers(left, node.operator, right)  # type: ignore[arg-type]  # no match operator
        return self._compare_texts(node, left, right)

    def _missing(self, node: Compare, left: Operand, right: Operand) -> tuple[Any, Any]:
        """The sides, with `"."` against a tag of numbers as a missing number."""
        if node.operator in ("=", "!="):
            dot = TextConstant(b".")
            if right == dot and _may_be_missing(left):
                return left, Missing()
            if left == dot and _may_be_missing(right):
                return Missing(), right
        return left, right

    def _compare_texts(self, node: Compare, left: TextSource, right: TextSource) -> Condition:
        symbol = node.operator
        if symbol not in ("=", "!=", "~", "!~"):
            raise self.names.error(node.start, f"`{symbol}` is for numbers")
        if symbol in ("~", "!~"):
            pattern, automaton = self._pattern(node, right)
            return CompareText(left, symbol, Pattern(pattern, automaton))
        if left.per_sample and right.per_sample:
            raise self.names.error(node.start, "texts of samples cannot be compared with each other")
        for side in (left, right):
            other = right if side is left else left
            if isinstance(side, Identifier) and (other.per_sample or other == TextConstant(b"")):
                raise self.names.error(
                    node.start, "ID can be compared with text that is not empty, or with @file"
                )
        if isinstance(right, Identifier):
            left, right = right, left
        return CompareText(left, symbol, right)

    def _compare_special(
        self, node: Compare, ours: Special | Genotype, other: Operand, other_node: Node, *, swapped: bool
    ) -> Condition:
        """FILTER, TYPE or GT with text."""
        name = "GT" if isinstance(ours, Genotype) else ours.name
        symbol = node.operator
        if not isinstance(other, TextConstant) or not isinstance(other_node, Text):
            raise self.names.error(node.start, f"{name} can only be compared with text in quotes")
        if symbol not in ("=", "!=", "~", "!~"):
            raise self.names.error(node.start, f"{name} is compared with =, !=, ~ or !~")
        if isinstance(ours, Genotype):
            if swapped and symbol in ("~", "!~"):
                raise self.names.error(node.start, "the regular expression must stand on the right")
            view, keyword = as_keyword(other_node.value)
            constant = keyword.encode(errors="surrogateescape")
            automaton = self._pattern(node, TextConstant(constant))[1] if symbol in ("~", "!~") else None
            phased = self.names.phased() if view == "text" else None
            return GenotypeTest(symbol, view, constant, automaton, phased, ours.used)
        if ours.name == "FILTER":
            wanted = self.names.filter_positions(other_node.value, other_node.start)
            return FilterTest(symbol, wanted, self.names.has("variant_filter"))
        wanted_type = other_node.value.lower()
        if wanted_type in ("snps", "indels", "mnps"):
            wanted_type = wanted_type[:-1]
        if wanted_type not in TYPE_BITS and wanted_type != "ref":
            known = ", ".join([*TYPE_BITS, "ref"])
            raise self.names.error(other_node.start, f"there is no such type of variant; types are {known}")
        return TypeTest(symbol, TYPE_BITS.get(wanted_type, 0))

    def _compare_listed(self, node: Compare, left: Operand, right: Operand) -> Condition:
        """ID with a file."""
        identifier, file = (right, left) if isinstance(left, File) else (left, right)
        if not isinstance(identifier, Identifier) or not isinstance(file, File):
            raise self.names.error(node.start, "a file can only be compared with ID")
        if node.operator not in ("=", "!="):
            raise self.names.error(node.start, "a file is compared with = or !=")
        try:
            names = read_list(file.path)
        except SelectionError as error:
            raise self.names.error(file.start, error.message) from error
        return ListedIdentifier.of(node.operator, identifier, names)

    def _pattern(self, node: Compare, right: TextSource) -> tuple[bytes, Automaton]:
        """The regular expression on the right: its text without `/i`, and compiled."""
        if not isinstance(right, TextConstant):
            raise self.names.error(node.start, "the regular expression must stand on the right, in quotes")
        pattern, ignore_case = right.value, False
        if len(pattern) > 2 and pattern.endswith(b"/i") and pattern[-3:-2] != b"\\":
            pattern, ignore_case = pattern[:-2], True
        try:
            return pattern, compile_regex(pattern, ignore_case=ignore_case)
        except RegexError as error:
            raise self.names.error(node.right.start, f"the regular expression {error}") from error

    # --- functions ---

    def _call(self, call: Call) -> Quantity:
        name = call.function
        if name == "BINOM":
            return self._binomial(call)
        if len(call.arguments) != 1:
            raise self.names.error(call.start, f"{name} takes one argument")
        argument = call.arguments[0]
        if name in ("N_PASS", "F_PASS"):
            return self._passing(call, argument, fraction=name == "F_PASS")
        if name == "COUNT":
            return self._count(call, argument)
        if name == "STRLEN":
            return self._length(call, argument)
        operand = self.number(argument)
        if name == "ABS":
            return Absolute(operand)
        if name == "PHRED":
            return Phred(operand)
        by_sample = name.startswith("S") and name not in ("SUM", "STDEV")
        reduction = name.removeprefix("SMPL_" if name.startswith("SMPL_") else "S") if by_sample else name
        if reduction == "MEAN" or (by_sample and not operand.per_sample and reduction not in ("MAX", "MIN")):
            reduction = "AVG"  # so does bcftools 1.16 with SMPL_ functions of INFO tags
        return Reduce(operand, reduction, by_sample)  # type: ignore[arg-type]  # FUNCTIONS has no others

    def _passing(self, call: Call, argument: Node, *, fraction: bool) -> Quantity:
        condition = self.condition(argument)
        if not condition.per_sample:
            raise self.names.error(
                call.start, f"{call.function} counts samples: it needs a test of a FORMAT tag"
            )
        return CountPassing(condition, fraction)

    def _count(self, call: Call, argument: Node) -> Quantity:
        if isinstance(argument, Compare) or (isinstance(argument, Chain) and argument.level in ("or", "and")):
            return self._passing(call, argument, fraction=False)
        operand = self.operand(argument)
        if _is_quantity(operand):
            if operand.per_sample and not isinstance(operand, FormatNumbers):
                raise self.names.error(
                    call.start, "COUNT counts the values of a tag or the samples that pass a test"
                )
            return CountValues(operand)
        if _is_text(operand) and not operand.per_sample:
            return CountFields(operand)
        raise self.names.error(call.start, f"COUNT cannot count {_name(operand)}")

    def _length(self, call: Call, argument: Node) -> Quantity:
        operand = self.operand(argument)
        if not _is_text(operand):
            raise self.names.error(call.start, f"STRLEN needs a tag of strings, not {_name(operand)}")
        listed = False
        if isinstance(operand, InfoText | FormatText):
            several = len(self.names.metadata.get_field_info(operand.column).dims) > 1 + operand.per_sample
            listed = several and not operand.elements.single
        elif isinstance(operand, AlleleText):
            listed = operand.elements is not None and not operand.elements.single
        if isinstance(operand, FormatText) and operand.used is not None:
            raise self.names.error(
                call.start, "STRLEN of a FORMAT tag is the first sample's: no samples can be chosen"
            )
        return TextLength(operand, listed)

    def _binomial(self, call: Call) -> Quantity:
        if len(call.arguments) not in (1, 2):
            raise self.names.error(call.start, "binom() takes one or two arguments")
        operands = tuple(self.number(argument) for argument in call.arguments)
        if len({operand.per_sample for operand in operands}) > 1:
            raise self.names.error(call.start, "binom() needs two FORMAT tags, or none")
        if len(operands) == 1 and operands[0].per_sample and not self.names.has("call_genotype"):
            raise self.names.error(
                call.start, "binom() of one tag needs genotypes, which the store does not have"
            )
        return Binomial(operands)


def _is_quantity(operand: Operand) -> TypeGuard[Quantity]:
    """Whether an operand is numbers."""
    return not isinstance(operand, Special | Genotype | File | _TEXTS)


def _is_text(operand: Operand) -> TypeGuard[TextSource]:
    """Whether an operand is text that functions take, which ID is not (bcftools 1.16)."""
    return isinstance(operand, _TEXTS) and not isinstance(operand, Identifier)


def _may_be_missing(operand: Operand) -> bool:
    """Whether `"."` may be compared with it as a number: tags of numbers, and QUAL."""
    if isinstance(operand, Scalar):
        return operand.column == "variant_quality"
    return isinstance(operand, InfoNumbers | FormatNumbers | Missing)


def _folded(arithmetic: Arithmetic) -> Quantity:
    """Arithmetic of constants as one."""
    if not all(isinstance(operand, Constant) for operand in arithmetic.operands):
        return arithmetic
    numbers = arithmetic.evaluate(Rows({}, 0, 1, 0))
    return arithmetic if numbers.missing.any() else Constant(float(numbers.data[0, 0]))


def _name(operand: Operand) -> str:
    """What an operand is called in errors."""
    if isinstance(operand, File):
        return "a file"
    if isinstance(operand, Genotype):
        return "GT"
    return operand.name if isinstance(operand, Special) else "text"
