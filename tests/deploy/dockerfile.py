"""A Dockerfile as stages of instructions. It knows the instructions that deploy/Dockerfile uses and refuses all others."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

_KNOWN = {"FROM", "ENV", "RUN", "COPY", "WORKDIR", "USER", "ENTRYPOINT", "CMD"}


@dataclass
class Stage:
    """One FROM and what follows: (instruction, argument) in order, those of the stage it builds on before its own."""

    name: str
    image: str
    instructions: list[tuple[str, str]] = field(default_factory=list)

    def all(self, instruction: str) -> list[str]:
        return [argument for name, argument in self.instructions if name == instruction]


def stages(path: Path) -> dict[str, Stage]:
    """Return the stages of a Dockerfile by name, each complete."""
    found: dict[str, Stage] = {}
    stage: Stage | None = None
    for line in re.sub(r"\\\n\s*", "", path.read_text()).splitlines():
        if not line or line.startswith("#"):
            continue
        instruction, argument = line.split(maxsplit=1)
        assert instruction in _KNOWN, f"{path}: this reader does not know {instruction!r}"
        if instruction == "FROM":
            image, _, name = argument.split()
            below = found.get(image)
            stage = Stage(name, below.image if below else image, list(below.instructions) if below else [])
            found[name] = stage
        else:
            assert stage is not None, f"{path}: {line!r} before the first FROM"
            stage.instructions.append((instruction, argument))
    return found


def copied(argument: str) -> tuple[str | None, list[str], str]:
    """Return the stage that a COPY takes from (None: the repository), its sources and its target."""
    words = argument.split()
    origin = next((word.partition("=")[2] for word in words if word.startswith("--from=")), None)
    *sources, target = [word for word in words if not word.startswith("--")]
    return origin, sources, target
