"""Figures by name that a notebook shows as pictures, whether it has set Matplotlib up or not."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DOTS_PER_INCH = 80  # a notebook keeps them all


class Figures(dict[str, "Figure"]):
    """Matplotlib figures by name; a notebook shows one of them as a picture, and all of them below one another."""

    def __init__(self, figures: Mapping[str, Figure]) -> None:
        super().__init__(figures)
        for figure in figures.values():
            figure._repr_png_ = partial(_png, figure)  # type: ignore[attr-defined]

    def image(self, name: str) -> str:
        """Return a figure as an image in HTML that needs no file, "" if there is none of that name."""
        if name not in self:
            return ""
        content = base64.b64encode(_png(self[name])).decode()
        return f'<img alt="{html.escape(name)}" style="max-width: 100%" src="data:image/png;base64,{content}">'

    def _repr_html_(self) -> str:
        return "\n".join(self.image(name) for name in self)


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_DOTS_PER_INCH)
    return buffer.getvalue()
