"""What travels to a cluster with a submitted sweep: its spec, the source that it needs, and its data file if that is small."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.dispatch import versions_here
from orchestrator.spec import SweepSpec, code_references, resolve_path, travelling_files

SPEC_NAME = "sweep.yaml"
SUBMISSION_NAME = "submission.json"
_DATA_FOLDER = "data"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """Files to be shipped, by their names in the job's working directory; ``spec`` is the sweep as it will be read there."""

    spec: Mapping[str, Any]
    code: Mapping[str, Path]
    data: Mapping[str, Path]

    @property
    def code_bytes(self) -> int:
        """Size of the code files."""
        return sum(file.stat().st_size for file in self.code.values())

    @property
    def data_bytes(self) -> int:
        """Size of the data file."""
        return sum(file.stat().st_size for file in self.data.values())

    def write(self, folder: Path, submission: str, occasion: str, source: str) -> None:
        """Lay the files out in an empty folder, with a note for the driver: as what it was submitted, from which versions."""
        for name, file in {**self.code, **self.data}.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, folder / name)
        (folder / SPEC_NAME).write_text(json.dumps(self.spec, indent=1), encoding="utf-8")  # JSON is YAML, and exact
        note = {"id": submission, "occasion": occasion, "source": source, "versions": versions_here()}
        (folder / SUBMISSION_NAME).write_text(json.dumps(note, indent=1), encoding="utf-8")


def make_parcel(spec: SweepSpec) -> Parcel:
    """Return what ``spec`` needs on the cluster. Paths are rewritten to what they are called there."""
    mapping = spec.model_dump(mode="json")
    mapping["ray"] = {"address": "auto"}
    references = [*code_references(spec.sweep_settings(stage="", engine="keras")), *filter(None, [spec.data.callable])]
    code = travelling_files(references, spec.folder)
    data: dict[str, Path] = {}
    if (file := shipped_data(spec)) is not None:
        name = f"{_DATA_FOLDER}/{file.name}"
        data[name] = file
        mapping["data"]["path"] = name
    return Parcel(spec=mapping, code=code, data=data)


def shipped_data(spec: SweepSpec) -> Path | None:
    """Return the local data file that travels with the sweep, None if none does."""
    if spec.data.path is None or "://" in spec.data.path or not spec.data.ship:
        return None
    return Path(resolve_path(spec.data.path, spec.folder))
