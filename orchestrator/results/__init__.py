"""What a sweep found, ranked, told and shown. It reads the ledger and writes nothing."""
