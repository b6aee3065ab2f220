"""Where the doing half and the judging half meet: trials, outcomes and other tools' results."""

from assay.ledger.ledger import Ledger
from assay.ledger.rows import TrialRow
from assay.ledger.run_folder import RunFolder, is_run, make_run, open_run

__all__ = ["Ledger", "RunFolder", "TrialRow", "is_run", "make_run", "open_run"]
