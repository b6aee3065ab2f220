"""The five lenses: rows in, an Assessment out. A lens imports no other lens, no torch, no ledger and no disk."""
