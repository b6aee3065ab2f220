"""An encoder and a slice become Features, once."""
