"""The parts of a sweep while it runs: data staged, strategy and keys set up, the conductor between search and ledger."""
