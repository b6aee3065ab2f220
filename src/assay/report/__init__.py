"""From assessments to a page a person trusts; knows no ledger and no torch."""
