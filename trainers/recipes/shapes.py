"""What a recipe must know of the data: the shapes of its inputs and of its output. Light: no Keras."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trainers.settings import Task


@dataclass(frozen=True, slots=True)
class InputShape:
    """One input array without its rows: (columns,), (height, width, channels), or (length,) for token ids of type int32."""

    shape: tuple[int, ...]
    dtype: str = "float32"


@dataclass(frozen=True, slots=True)
class ModelShape:
    """What goes in and what comes out.

    ``inputs`` is one array or several by name, ``classes`` is None for regression, token ids stay below ``vocabulary``.
    """

    inputs: InputShape | Mapping[str, InputShape]
    task: Task
    classes: int | None
    vocabulary: int | None = None

    @property
    def output_units(self) -> int:
        """Width of the output layer: 1 for binary and regression, the number of classes for multiclass."""
        return self.classes if self.task == "multiclass" and self.classes is not None else 1
