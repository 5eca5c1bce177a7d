"""Working folders for whole modules."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from small_folder import Folder


@pytest.fixture(scope="module")
def make_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Folder]:
    return lambda name: Folder(tmp_path_factory.mktemp(name))
