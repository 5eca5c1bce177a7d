"""The orchestrator composes search spaces and trainers into sweeps. Nothing heavy is imported here."""
