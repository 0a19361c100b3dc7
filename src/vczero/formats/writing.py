"""`write_vcf` and `write_query`: what the commands do, from Python."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol, TypeAlias

from vczero.formats.encoder import BATCH_BYTES, Encoder, Together, write
from vczero.formats.output import Output, sinks_of
from vczero.formats.rewriting import metadata_after, rewriting
from vczero.vcz.schema import Batch, Metadata, Rewrite

__all__ = ["Source", "Watch", "encoded", "unwatched", "write_query", "write_selected", "write_vcf"]

Watch: TypeAlias = Callable[[Any], AbstractContextManager[object]]
"""What is entered around a scan, and gets it: to show how far it has come."""


def unwatched(_: object) -> AbstractContextManager[None]:
    """The `Watch` that does not look."""
    return nullcontext()


class Source(Metadata, Protocol):
    """What is written: a `VczReader`, with the selection set on it."""

    def map_chunks(
        self,
        function: Callable[[Batch], Any],
        fields: Sequence[str] | None = None,
        start: int = 0,
        *,
        force_recompute: bool | Iterable[str] = False,
        exclude_calls: bool = False,
        batch_bytes: int | None = None,
    ) -> Any:
        """What `function` makes of each batch, in order, made on workers; a context manager."""


def write_vcf(
    reader: Source,
    output: Output,
    *,
    genotypes: bool = True,
    header: bool = True,
    recount: bool = False,
    rewrites: Sequence[Rewrite] = (),
    output_type: str = "v",
) -> int:
    """Write the records that a reader selects as VCF or BCF, and return the number of bytes.

        with vczero.open("cohort.vcz", samples=["NA00001"], semantics="view") as reader:
            vczero.write_vcf(reader, "one.vcf", recount=True)

    Args:
        reader: its samples are the columns, in order. With its semantics "view" or "query" INFO is written as
            it is stored, with "selection" what can be computed from a subset's genotypes is.
        output: a path, whose file appears when it is complete; or a binary file, which stays open.
        genotypes: whether there are FORMAT and sample columns.
        header: whether there is a header.
        recount: whether AC and AN are counted in the samples selected, as `bcftools view -s` does.
        rewrites: what `vczero.rewrites` made for the reader: alleles trimmed, tags filled in.
        output_type: as `bcftools view -O` has it: "v" VCF, "z" VCF in BGZF, "u" BCF, "b" BCF in BGZF; "z" and
            "b" may have a level of compression, 0 to 9, as in "b1". The name of the file says nothing here.

    Raises:
        OptionError: no such output type, or BCF without a header.
        VczeroError: the store cannot be read, or the file cannot be written.
        OSError: from `output`.
    """
    from vczero.formats.outputtype import OutputType, record_encoder

    kind = OutputType.parse(output_type)
    after = metadata_after(reader, rewrites)
    encoder = record_encoder(after, kind, genotypes=genotypes, header=header, recount=recount)
    return write_selected(reader, rewriting(encoder, rewrites), output)


def write_query(
    reader: Source,
    output: Output,
    query_format: str,
    *,
    print_header: bool = False,
    allow_undefined: bool = False,
    add_newline: bool = True,
) -> int:
    r"""Write columns in a format of one's own, as `bcftools query -f`, and return the number of bytes.

    Args:
        reader, output: as for `write_vcf`. A filter that excludes by FORMAT values drops samples one by one
            where the format names FORMAT values, else variants where a sample passes.
        query_format: such as `%CHROM\t%POS[\t%GT]\n`.
        print_header: whether a line that names the columns comes first.
        allow_undefined: whether a tag that the store lacks writes "." instead of being an error.
        add_newline: whether a format without a line end gets one.

    Raises:
        ExpressionError: the format cannot be understood.
        FieldNotFoundError: the store has no such tag.
        VczeroError, OSError: as `write_vcf`.
    """
    from vczero.formats.text import QueryEncoder

    encoder = QueryEncoder(
        reader,
        query_format,
        allow_undefined=allow_undefined,
        add_newline=add_newline,
        print_header=print_header,
    )
    return write_selected(reader, encoder, output, exclude_calls=encoder.prints_calls)


def encoded(reader: Source, encoder: Encoder | Together, *, exclude_calls: bool = False) -> Any:
    """What an encoder makes of each batch of the selection, in order: an iterator to write, and to close.

    `exclude_calls`: see `VczReader.map_chunks`.
    """
    return reader.map_chunks(
        encoder.encode,
        sorted(encoder.columns),
        force_recompute=encoder.recomputed,
        exclude_calls=exclude_calls,
        batch_bytes=BATCH_BYTES,
    )


def write_selected(reader: Source, encoder: Encoder, output: Output, *, exclude_calls: bool = False) -> int:
    """Write what an encoder makes of the selection, and return the number of bytes; see `encoded`."""
    with sinks_of([output]) as (sink,), encoded(reader, encoder, exclude_calls=exclude_calls) as batches:
        return write(encoder, batches, sink)
