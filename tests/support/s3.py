"""An S3 bucket on moto's server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

KEYS = {"access_key_id": "testing", "secret_access_key": "HIDDENSECRET"}


def upload(endpoint: str, bucket: str, objects: Mapping[str, bytes]) -> None:
    """A new bucket with these objects."""
    boto3 = pytest.importorskip("boto3", reason="boto3 is not installed")
    client = boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id=KEYS["access_key_id"],
        aws_secret_access_key=KEYS["secret_access_key"],
    )
    client.create_bucket(Bucket=bucket)
    for key, data in objects.items():
        client.put_object(Bucket=bucket, Key=key, Body=data)
    client.close()


def options_of(backend: str, endpoint: str) -> dict[str, Any]:
    """The storage options of a backend for that server."""
    if backend == "obstore":
        return {"endpoint": endpoint, "region": "us-east-1", **KEYS}
    pytest.importorskip("s3fs", reason="s3fs is not installed")
    return {"endpoint_url": endpoint, "key": KEYS["access_key_id"], "secret": KEYS["secret_access_key"]}
