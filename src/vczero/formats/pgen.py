"""PLINK 2 files: genotypes (.pgen, written by pgenlib), variants (.pvar) and samples (.psam), as
`plink2 --vcf X --make-pgen` writes them (v2.00a3 observed).

Any number of alleles, and phase where the store has it. A haploid call is written as the homozygous one. What
.bed cannot hold for other reasons than its two alleles is an error here as well.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from vczero.errors import MissingDependencyError, OutputError, RecordError, SelectionError
from vczero.formats.chromosomes import chromosome_codes
from vczero.formats.columns import info_fields, strings_of
from vczero.formats.encoder import Buffer, write_all
from vczero.formats.header import vcf_header
from vczero.formats.output import DescriptorSink, open_outputs
from vczero.formats.plink import BAD_CALLS, check_samples, sample_names
from vczero.formats.plinkfiles import PlinkSource
from vczero.formats.records import Places, check_names, check_positions, texts
from vczero.formats.rowfile import SelectedRows
from vczero.formats.vcf import fixed_pieces, info_piece, line_columns
from vczero.formats.writing import Watch, unwatched
from vczero.kernels import pairs, pieces, text
from vczero.kernels.text import empty_pool
from vczero.vcz.schema import Batch, Metadata

__all__ = ["PgenEncoder", "PvarEncoder", "psam_text", "write_pgen"]

MOST_ALLELES: Final = 255
"""Of a record, in a .pgen."""

INT_FILL: Final = -2
_MISSING: Final = -9
# Of stored genotypes; what pgenlib takes of them has four times the size.
_BATCH_BYTES: Final = 8 * 2**20
_PHASED: Final = "call_genotype_phased"


def write_pgen(
    reader: PlinkSource,
    stem: str | os.PathLike[str],
    *,
    allow_extra_chr: bool = False,
    watch: Watch = unwatched,
) -> None:
    """Write the records and samples that a reader selects to `stem`.pgen, .pvar and .psam.

    The files appear when all are complete; after an error, none does. A filter is run twice, for a .pgen
    begins with the number of its records.

    Args:
        reader: its samples are the file's, in order.
        stem: the files' name without its extension.
        allow_extra_chr: whether contigs that plink2 does not know are written by their names, and no error.
        watch: is entered around the scan, which it gets, and may ask it for its statistics.

    Raises:
        MissingDependencyError: pgenlib is not installed.
        RecordError: a record cannot be written: it has a half-call, or so.
        SelectionError: there are no records or samples, or a sample's name is none that PLINK files hold.
        FieldNotFoundError: the store has no genotypes.
        VczeroError: the store cannot be read, or the files cannot be written.
    """
    encoder = PgenEncoder(reader, allow_extra_chr=allow_extra_chr)
    samples = psam_text(reader)
    records = len(SelectedRows(reader))
    if not records:
        raise SelectionError("no records are selected: a .pgen has at least one")
    stem = os.fspath(stem)
    with open_outputs([f"{stem}.pgen", f"{stem}.pvar", f"{stem}.psam"]) as (pgen, pvar, psam):
        write_all(psam, samples)
        write_all(pvar, encoder.pvar.header())
        with _Writer(pgen, encoder, records) as writer:
            scan = reader.map_chunks(encoder.encode, sorted(encoder.columns), batch_bytes=_BATCH_BYTES)
            with scan as encoded, watch(scan):
                try:
                    for part in encoded:
                        writer.append(part)
                        for buffer in part.lines:
                            write_all(pvar, buffer)
                finally:
                    empty_pool()


def psam_text(metadata: Metadata) -> bytes:
    """The .psam: the samples' names, their sex not known.

    Raises:
        SelectionError: a name that PLINK files cannot hold.
    """
    names = sample_names(metadata)
    for name in names:
        if name.startswith("#"):
            raise SelectionError(f"sample {name!r:.80}: a .psam holds no name that begins with #")
    return ("#IID\tSEX\n" + "".join(f"{name}\tNA\n" for name in names)).encode()


class PvarEncoder:
    """The .pvar: the header of a VCF without its FORMAT, and for each variant CHROM to INFO.

    Args:
        metadata: of the store and the selection.
        allow_extra_chr: whether contigs that plink2 does not know are written by their names, and no error.
    """

    def __init__(self, metadata: Metadata, *, allow_extra_chr: bool = False) -> None:
        self._metadata = metadata
        self._places = Places(metadata)
        self._info = info_fields(metadata)
        self._codes = chromosome_codes(metadata.contig_ids, allow_extra=allow_extra_chr)
        self._contigs = strings_of(np.array(self._codes.names, np.dtypes.StringDType()))
        self._filters = strings_of(metadata.filter_ids)

    @property
    def columns(self) -> frozenset[str]:
        """CHROM to INFO, as far as the store has them."""
        return line_columns(self._metadata, self._info, [])

    @property
    def recomputed(self) -> frozenset[str]:
        """None."""
        return frozenset()

    def header(self) -> bytes:
        """Meta-information, and the columns' names."""
        lines = vcf_header(self._metadata, info=self._info, formats=[], samples=[]).splitlines()
        text = "".join(f"{line}\n" for line in lines if not line.startswith("##fileformat="))
        return text.encode(errors="replace")

    def encode(self, batch: Batch) -> Sequence[Buffer]:
        """A line for each variant.

        Raises:
            RecordError: a record has a value that PLINK files cannot hold.
        """
        check_positions(batch, self._places)
        check_names(batch, self._places)
        self._codes.check(batch, self._places)
        parts = fixed_pieces(batch, self._contigs, self._filters)
        parts += [pieces.Literal(b"\t"), info_piece(batch, self._info), pieces.Literal(b"\n")]
        return text.lines([pieces.Line(tuple(parts))], batch.num_variants)

    def trailer(self) -> bytes:
        """Nothing."""
        return b""


@dataclass(frozen=True, slots=True, eq=False)
class PgenPart:
    """What a .pgen and a .pvar hold of one batch.

    Attributes:
        alleles: int32, (variants, 2 x samples), as pgenlib takes them.
        phased: uint8, (variants, samples); None where the store knows no phase.
        counts: uint32, (variants,): alleles of each, at least 2.
        lines: of the .pvar.
    """

    alleles: npt.NDArray[np.int32]
    phased: npt.NDArray[np.uint8] | None
    counts: npt.NDArray[np.uint32]
    lines: Sequence[Buffer]

    @property
    def nbytes(self) -> int:
        """Bytes of memory held."""
        phased = 0 if self.phased is None else self.phased.nbytes
        return self.alleles.nbytes + phased + sum(len(buffer) for buffer in self.lines)


class PgenEncoder:
    """Makes of batches what pgenlib takes, beside the lines of the .pvar.

    Args:
        reader: of the store, with the selection.
        allow_extra_chr: as for `PvarEncoder`.

    Raises:
        FieldNotFoundError: the store has no genotypes.
        SelectionError: no samples are selected.
    """

    def __init__(self, reader: Metadata, *, allow_extra_chr: bool = False) -> None:
        check_samples(reader)
        self.pvar = PvarEncoder(reader, allow_extra_chr=allow_extra_chr)
        self.samples = strings_of(reader.sample_ids)
        self.has_phase = reader.has_field(_PHASED)
        self._has_alleles = reader.has_field("variant_allele")
        axis = reader.get_field_info("variant_allele").shape[1] if self._has_alleles else 2
        self.most_alleles = min(max(axis, 2), MOST_ALLELES)
        self._places = Places(reader)

    @property
    def columns(self) -> frozenset[str]:
        """Genotypes, phase, and what a .pvar has."""
        phase = {_PHASED} if self.has_phase else set()
        return self.pvar.columns | {"call_genotype", *phase, *self._places.columns}

    def encode(self, batch: Batch) -> PgenPart:
        """The batch's calls.

        Raises:
            RecordError: a record has a value or a call that PLINK files cannot hold.
        """
        lines = self.pvar.encode(batch)
        counts = self._allele_counts(batch)
        calls = batch.columns["call_genotype"]
        assert isinstance(calls, np.ndarray)
        calls = calls.reshape(len(calls), calls.shape[1], -1)
        self._check(batch, calls, counts)
        alleles = np.full((len(calls), calls.shape[1], 2), _MISSING, np.int32)
        if calls.shape[2]:
            first = calls[:, :, 0]
            second = calls[:, :, min(1, calls.shape[2] - 1)]
            called = first >= 0
            np.copyto(alleles[:, :, 0], first, where=called)
            np.copyto(alleles[:, :, 1], np.where(second >= 0, second, first), where=called)
        phased = batch.columns.get(_PHASED)
        if phased is not None:
            phased = np.ascontiguousarray(phased, np.bool_).view(np.uint8)
        return PgenPart(alleles.reshape(len(calls), -1), phased, counts, lines)

    def _allele_counts(self, batch: Batch) -> npt.NDArray[np.uint32]:
        """uint32, (variants,): at least 2, as a .pgen counts them."""
        if not self._has_alleles:
            return np.full(batch.num_variants, 2, np.uint32)
        lengths = np.diff(texts(batch, "variant_allele").offsets).reshape(batch.num_variants, -1)
        counts: npt.NDArray[np.intp] = np.count_nonzero(lengths, axis=1)
        if len(counts) and int(counts.max()) > MOST_ALLELES:
            row = int(counts.argmax())
            message = (
                f"{self._places.name(batch, row)} has {counts[row]} alleles, and .pgen holds {MOST_ALLELES}"
            )
            raise RecordError(message, variant=int(batch.variant_index[row]))
        return np.maximum(counts, 2).astype(np.uint32)

    def _check(self, batch: Batch, calls: npt.NDArray[Any], counts: npt.NDArray[np.uint32]) -> None:
        """Refuse calls that the format cannot hold."""
        for what, wrong in _refused(calls, counts.astype(np.int64)[:, None]):
            if wrong.any():
                row, sample = (int(axis[0]) for axis in np.nonzero(wrong))
                name = str(self.samples.to_objects()[sample])
                message = f"{self._places.name(batch, row)}: the call of sample {name} {what}"
                raise RecordError(message, variant=int(batch.variant_index[row]), sample=name)


def _refused(
    calls: npt.NDArray[Any], counts: npt.NDArray[np.int64]
) -> Iterator[tuple[str, npt.NDArray[np.bool_]]]:
    """What may be wrong with calls, and bool, (variants, samples): whether it is."""
    ploidy = calls.shape[2]
    if not ploidy:
        return
    called = calls[:, :, 0] >= 0
    for place in range(2, ploidy):
        more = calls[:, :, place]
        yield BAD_CALLS[pairs.CROWD], (more >= 0) | ((more != INT_FILL) & called)
    for place in range(ploidy):
        allele = calls[:, :, place]
        yield BAD_CALLS[pairs.FOREIGN], (allele < INT_FILL) | (allele >= counts)
    if ploidy > 1:
        second = calls[:, :, 1]
        yield BAD_CALLS[pairs.HALF], ((second >= 0) != called) & ~(called & (second == INT_FILL))


class _Writer:
    """pgenlib's writer, at the place where a file's bytes go until it is complete."""

    def __init__(self, sink: DescriptorSink, encoder: PgenEncoder, records: int) -> None:
        try:
            import pgenlib
        except ImportError as error:
            raise MissingDependencyError(".pgen needs pgenlib: pip install 'vczero[pgen]'") from error
        assert sink.place is not None
        self._place, self._name = sink.place, sink.name
        with self._explained():
            self._writer = pgenlib.PgenWriter(
                os.fsencode(sink.place),
                len(encoder.samples),
                variant_ct=records,
                nonref_flags=False,
                allele_ct_limit=encoder.most_alleles,
                hardcall_phase_present=encoder.has_phase,
            )

    def append(self, part: PgenPart) -> None:
        with self._explained():
            if part.phased is not None:
                self._writer.append_partially_phased_batch(part.alleles, part.phased, part.counts)
            else:
                self._writer.append_alleles_batch(part.alleles, False, part.counts)

    def __enter__(self) -> _Writer:
        return self

    def __exit__(self, kind: type[BaseException] | None, *others: object) -> None:
        try:
            if kind is None:
                with self._explained():
                    self._writer.close()
        finally:
            del self._writer  # closes its files after an error, too
            with suppress(OSError):
                os.unlink(f"{self._place}.tmp")

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """What goes wrong in pgenlib, as an error of ours."""
        try:
            yield
        except (RuntimeError, OSError) as error:
            raise OutputError(f"pgenlib cannot write {self._name}: {error}") from error
