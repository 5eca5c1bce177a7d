"""Sizes of memory as people write them."""

from __future__ import annotations

import pytest

from orchestrator.sizes import parse_size


@pytest.mark.parametrize(
    ("written", "size"),
    [
        ("4GB", 4 * 2**30),
        ("4 GiB", 4 * 2**30),
        ("4Gi", 4 * 2**30),
        ("4g", 4 * 2**30),
        ("512MB", 512 * 2**20),
        ("1.5GB", 3 * 2**29),
        ("300000kB", 300_000 * 1024),
        (" 1TB ", 2**40),
        (2**30, 2**30),
    ],
)
def test_a_size_is_bytes(written: object, size: int) -> None:
    assert parse_size(written) == size


@pytest.mark.parametrize(
    "written",
    [
        "",
        "4",
        "GB",
        "4 apples",
        "-4GB",
        "1e3GB",
        "4B",
        "100MB",
        4,
        0,
        -(2**30),
        True,
        None,
        float("nan"),
        float("inf"),
        [],
        "9" * 400 + "GB",
    ],
)
def test_anything_else_is_refused(written: object) -> None:
    with pytest.raises(ValueError, match="expected a size of memory such as 4GB or 512MB, at least 256MB, got"):
        parse_size(written)
