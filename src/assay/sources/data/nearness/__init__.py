"""Which items are nearly the same: texts by shared word sequences, images by their small grey versions."""
