"""From YAML, TOML, JSON or a dictionary to a study's specification; strict, all faults at once."""
