"""What may be secret is not shown; what is not stays readable."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vczero.chunks.secrets import redact, redact_options


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://me:hush@host/x.zarr", "https://***@host/x.zarr"),
        ("s3://hush@bucket/x", "s3://***@bucket/x"),
        ("https://host/x?X-Amz-Signature=hush&v=hush", "https://host/x?X-Amz-Signature=***&v=***"),
        (
            "see https://host/a?sig=hush and https://host/b?sig=hush.",
            "see https://host/a?sig=*** and https://host/b?sig=***",
        ),
        ("secret_access_key='hush'", "secret_access_key=***"),
        ('{"account_key": "hush", "region": "x"}', '{"account_key": ***, "region": "x"}'),
        ("Authorization: Bearer hush", "Authorization: ***"),
        ("AWS_SESSION_TOKEN=hush rest", "AWS_SESSION_TOKEN=*** rest"),
        ("s3://bucket/call/0.0: cannot read c/0/0: 404", "s3://bucket/call/0.0: cannot read c/0/0: 404"),
        ("mail@host, a=1, keys: b", "mail@host, a=1, keys: b"),
    ],
)
def test_redact(text, shown):
    # Users in URLs, values of queries, and what is assigned to names that sound secret.
    assert redact(text) == shown
    assert "hush" not in shown


def test_options_are_redacted_by_name_and_by_value():
    # At any depth; a URL among the values loses its user.
    options = {
        "secret": "hush",
        "client_options": {"headers": {"Authorization": "hush"}, "timeout": 3},
        "endpoint": "https://me:hush@host",
        "urls": ["https://host?token=hush"],
    }
    shown = redact_options(options)
    assert "hush" not in str(shown)
    assert shown["client_options"]["timeout"] == 3
    assert shown["endpoint"] == "https://***@host"


@given(st.text(max_size=60))
def test_redaction_is_done_once(text):
    # Redacting a message that has been redacted changes nothing, so that messages may pass through several
    # hands.
    assert redact(redact(text)) == redact(text)
