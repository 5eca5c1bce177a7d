"""A sweep's data set as MLflow describes one. Pure; it does no I/O."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from orchestrator.redaction import without_secrets
from orchestrator.results import spec_of
from orchestrator.tracking.records import DatasetContent

if TYPE_CHECKING:
    from orchestrator.ledger import SweepRow

_DIGEST_LENGTH = 36  # MLflow takes no longer one


def dataset_content(sweep: SweepRow) -> DatasetContent | None:
    """Return the sweep's data set, once it is known. The digest is the fingerprint's beginning, the profile holds all of it."""
    description: Mapping[str, Any] | None = sweep.facts.get("data")
    if not description:
        return None
    data = without_secrets(spec_of(sweep))["data"]
    where = data.get("path") or data.get("name") or data.get("callable") or ""
    if description.get("columns"):
        types = {"number": "double", "boolean": "boolean", "text": "string"}
        columns = [{"type": types[column["kind"]], "name": column["name"], "required": True} for column in description["columns"]]
        schema: dict[str, Any] = {"mlflow_colspec": columns}
    else:
        shape = [-1, *description["shape"][1:]]
        spec = {"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": shape}}
        schema = {"mlflow_tensorspec": {"features": json.dumps([spec]), "targets": None}}
    return DatasetContent(
        name=str(where).rsplit("/", 1)[-1][:500] or "data",
        digest=str(description["fingerprint"])[:_DIGEST_LENGTH],
        source_type=str(data["source"]),
        source=json.dumps({key: data[key] for key in ("source", "path", "name", "callable") if data.get(key)}),
        schema=json.dumps(schema),
        profile=json.dumps({name: value for name, value in description.items() if name != "columns" and value is not None}),
    )
