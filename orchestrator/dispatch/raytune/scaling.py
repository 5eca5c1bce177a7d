"""Does a cluster say that it brings nodes on demand? It is asked, never told."""

from __future__ import annotations

import json
import logging
from typing import Any

logger = logging.getLogger(__name__)

_STATUS = "__autoscaling_status"  # what ray's first autoscaler, and its likeness in every head, writes down
_FIXED = "node_"  # how that likeness calls nodes that somebody has started by hand


def cluster_scales() -> bool:
    """Return whether the cluster that this process is connected to has node types, as only an autoscaler gives them.

    KubeRay and ``ray up`` name the type of every node that they start, ``ray start`` by hand names none. A cluster that cannot be
    asked does not say so.
    """
    try:
        return any(_types())
    except Exception as error:  # none of this is Ray's public API
        logger.info("the cluster could not be asked whether it scales: %s", error)
        return False


def _types() -> list[str]:
    import ray
    from ray.autoscaler.v2.sdk import get_cluster_resource_state

    client = ray._raylet.GcsClient(address=ray.get_runtime_context().gcs_address)
    named = [str(node.ray_node_type_name) for node in get_cluster_resource_state(client).node_states]
    status = client.internal_kv_get(_STATUS.encode(), None)
    report: dict[str, Any] = (json.loads(status) if status else {}).get("autoscaler_report") or {}
    active = [name for name in report.get("active_nodes") or {} if not name.startswith(_FIXED)]
    return [*named, *active]
