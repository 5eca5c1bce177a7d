"""From a sweep file to a checked ``SweepSpec``. It starts nothing."""
