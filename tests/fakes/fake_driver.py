"""A driver for the launcher's tests: takes a sweep as ``kerasweep run - --occasion OCCASION`` does, and does as it says."""

from __future__ import annotations

import json
import sys
import time

from orchestrator.ledger.ledger import Ledger
from orchestrator.ledger.owner import Owner
from orchestrator.search.trials import SweepState

spec = json.load(sys.stdin)
assert sys.argv[1:4] == ["run", "-", "--occasion"]
sweep = spec["sweep"]
behaviour = sweep["behaviour"]
sys.stdout.write(f"this driver will {behaviour}\n")
sys.stdout.flush()
if behaviour == "refuse":
    sys.exit("Error: no such column\n")
if behaviour == "find mistakes":
    sys.stdout.write("sweep.yaml: data.path: no such file.\n")
    sys.exit(2)
if behaviour == "hang":
    time.sleep(60)
with Ledger(sweep["ledger"]) as ledger:
    claimed = ledger.claim_sweep(sweep["name"], spec, None, Owner.current(), 60, occasion=sys.argv[4])
    if behaviour == "die":
        sys.exit(1)
    time.sleep(0.5)
    ledger.finish_sweep(claimed, SweepState.COMPLETED)
