"""The schema's values: fields as metadata describes them, helpers told from fields, batches as mappings."""

from __future__ import annotations

import numpy as np
import pytest

from vczero.errors import FieldNotFoundError
from vczero.vcz.headertext import header_definitions
from vczero.vcz.schema import Batch, VczSchema, describe_field, guess_dims, is_helper

U1 = np.dtype("U1")


def describe(name, *, dtype="i4", dims=("variants",), **kwargs):
    shape = tuple(5 for _ in dims)
    return describe_field(name, dtype=np.dtype(dtype), shape=shape, dims=dims, chunks=shape, **kwargs)


@pytest.mark.parametrize(
    ("name", "dtype", "dims", "expected"),
    [
        ("variant_AF", "f4", ("variants", "alt_alleles"), ("INFO", "AF", "A", "Float")),
        ("variant_DB", "?", ("variants",), ("INFO", "DB", "0", "Flag")),
        ("variant_AA", np.dtypes.StringDType(), ("variants",), ("INFO", "AA", "1", "String")),
        ("variant_IC", "U1", ("variants", "INFO_IC_dim"), ("INFO", "IC", ".", "Character")),
        ("variant_WORD", "U2", ("variants",), ("INFO", "WORD", "1", "String")),
        ("call_genotype", "i1", ("variants", "samples", "ploidy"), ("FORMAT", "GT", "1", "String")),
        ("call_AD", ">i2", ("variants", "samples", "alleles"), ("FORMAT", "AD", "R", "Integer")),
        ("call_PL", "i2", ("variants", "samples", "genotypes"), ("FORMAT", "PL", "G", "Integer")),
        ("call_LAD", "i2", ("variants", "samples", "local_alleles_AD"), ("FORMAT", "LAD", ".", "Integer")),
        ("variant_position", "i4", ("variants",), ("fixed", "POS", "1", "Integer")),
        ("call_genotype_phased", "?", ("variants", "samples"), ("helper", "genotype_phased", "0", "Flag")),
        ("variant_length", "i4", ("variants",), ("helper", "length", "1", "Integer")),
        ("sample_id", "O", ("samples",), ("other", "sample_id", "1", "String")),
    ],
)
def test_fields_get_their_vcf_description_from_name_axes_and_dtype(name, dtype, dims, expected):
    info = describe(name, dtype=dtype, dims=dims)
    assert (info.category, info.vcf_id, info.vcf_number, info.vcf_type) == expected


def test_header_lines_that_a_store_kept_decide_over_axes_and_dtype():
    line = '##INFO=<ID=X,Number=2,Type=Integer,Description="a, \\"b\\"=c">'
    header = f"##fileformat=VCFv4.3\n{line}\n##INFO=broken\n"
    definitions = header_definitions(header)
    info = describe("variant_X", dims=("variants", "INFO_X_dim"), definitions=definitions)
    assert (info.vcf_number, info.vcf_type, info.description) == ("2", "Integer", 'a, "b"=c')


@pytest.mark.parametrize(
    "line", ["##INFO=<", "##INFO=<ID", '##INFO=<ID="', "##INFO=<=,=,>", '##INFO=<ID=A,D="\\']
)
def test_broken_header_lines_end(line):
    assert isinstance(header_definitions(line), dict)


def test_a_tag_that_ends_in_mask_is_a_field_unless_it_masks_something():
    assert is_helper("variant_AF_mask", ["variant_AF_mask", "variant_AF"])
    assert not is_helper("variant_RM_mask", ["variant_RM_mask", "variant_AF"])
    assert is_helper("variant_RM_mask")
    assert not is_helper("variant_unmask")


def test_axes_are_guessed_only_where_name_and_shape_leave_no_doubt():
    assert guess_dims("variant_DP", (7,), 7, 3) == ("variants",)
    assert guess_dims("variant_AF", (7, 2), 7, 3) == ("variants", "")
    assert guess_dims("variant_allele", (7, 3), 7, 3) == ("variants", "alleles")
    assert guess_dims("call_DP", (7, 3), 7, 3) == ("variants", "samples")
    assert guess_dims("call_AD", (7, 3, 2), 7, 3) == ("variants", "samples", "")
    assert guess_dims("variant_AF", (7, 3), 7, 3) is None
    assert guess_dims("variant_DP", (6,), 7, 3) is None
    assert guess_dims("call_DP", (7, 4), 7, 3) is None
    assert guess_dims("contig_id", (7,), 7, 3) is None


def test_a_batch_is_a_mapping_to_read_only_arrays_that_shares_memory():
    column = np.arange(3)
    batch = Batch({"variant_position": column}, np.arange(3))
    array = batch["variant_position"]
    assert list(batch) == ["variant_position"]
    assert batch.num_variants == 3
    assert not array.flags.writeable
    assert np.shares_memory(array, column)
    assert column.flags.writeable
    with pytest.raises(KeyError):
        batch["variant_id"]


def test_an_unknown_field_names_near_ones():
    schema = VczSchema({"variant_AF": describe("variant_AF")}, num_variants=5)
    with pytest.raises(FieldNotFoundError, match="variant_AF"):
        schema.get_field_info("variant_Af")
