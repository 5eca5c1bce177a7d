"""What a sweep found, ranked, told and shown. It reads the ledger and writes nothing."""

from orchestrator.results import display
from orchestrator.results.bounds import bounds_line, bounds_met
from orchestrator.results.display import LiveWatch, PlainWatch, duration
from orchestrator.results.finalists import FINALISTS, Finalist, Finals
from orchestrator.results.formats import (
    first_entries,
    place_of,
    standing_of,
    to_csv,
    to_html,
    to_html_table,
    to_records,
)
from orchestrator.results.leaderboard import BASELINE, Entry, Leaderboard, select
from orchestrator.results.notebook import NotebookWatch, notebook_display
from orchestrator.results.reading import SweepView, board_of, find_sweep, open_ledger, trial_record, view
from orchestrator.results.report import is_reported, report_of
from orchestrator.results.row_values import (
    COMPARISON,
    OPEN_STEPS,
    PROMOTION,
    baseline_means,
    is_finite,
    mean_curves,
    objective_of,
    open_steps,
    ranked,
    run_page,
    spec_of,
    standing,
    trial_values,
    way_on,
    winner_of,
)
from orchestrator.results.status import Silent, Status, Watch

__all__ = [
    "BASELINE",
    "COMPARISON",
    "FINALISTS",
    "OPEN_STEPS",
    "PROMOTION",
    "Entry",
    "Finalist",
    "Finals",
    "Leaderboard",
    "LiveWatch",
    "NotebookWatch",
    "PlainWatch",
    "Silent",
    "Status",
    "SweepView",
    "Watch",
    "baseline_means",
    "board_of",
    "bounds_line",
    "bounds_met",
    "display",
    "duration",
    "find_sweep",
    "first_entries",
    "is_finite",
    "is_reported",
    "mean_curves",
    "notebook_display",
    "objective_of",
    "open_ledger",
    "open_steps",
    "place_of",
    "ranked",
    "report_of",
    "run_page",
    "select",
    "spec_of",
    "standing",
    "standing_of",
    "to_csv",
    "to_html",
    "to_html_table",
    "to_records",
    "trial_record",
    "trial_values",
    "view",
    "way_on",
    "winner_of",
]
