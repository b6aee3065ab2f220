"""Where the doing half and the judging half meet: trials, outcomes and other tools' results."""
