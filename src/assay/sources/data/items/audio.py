"""Sound: (waveform, rate) pairs from WAV, FLAC and OGG files, read when they are asked for."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.errors import DataError, MissingExtraError
from assay.sources.data.items.rows import Rows

MAX_FRAMES = 200_000_000
SUFFIXES = frozenset({".flac", ".ogg", ".wav"})


class SoundRows:
    """Sounds by row: paths, or encoded bytes; decoded when asked for and not kept."""

    def __init__(self, sources: Rows, names: Rows) -> None:
        self._sources = sources
        self._names = names

    def __call__(self, positions: NDArray[np.int_]) -> list[tuple[NDArray[np.float32], int]]:
        """The (waveform, rate) pairs of these rows."""
        return [read_sound(self._sources[int(row)], self._names[int(row)]) for row in positions]


def read_sound(source: Path | bytes, name: str) -> tuple[NDArray[np.float32], int]:
    """The waveform (t,) in float32, channels averaged, and its rate in samples a second.

    Raises:
        DataError: when it is missing, corrupt, empty, longer than 200 million frames, or holds NaN.
        MissingExtraError: without the package soundfile.
    """
    file = _opened(source, name)
    with file:
        try:
            wave = file.read(dtype="float32", always_2d=True)
        except RuntimeError as error:
            raise DataError(f"{name}: a corrupt or cut-off sound file ({error})") from error
        if len(wave) < file.frames:
            raise DataError(f"{name}: a cut-off sound file; {len(wave):,} of {file.frames:,} frames are there")
        rate = int(file.samplerate)
    if not len(wave):
        raise DataError(f"{name}: a sound file without sound")
    if not np.isfinite(wave).all():
        raise DataError(f"{name}: the waveform holds NaN or infinity")
    return wave.mean(axis=1), rate


def check_sound(data: bytes, name: str, *, thorough: bool = False) -> None:
    """Refuse bytes that are no sound file, or hold nothing; `thorough` decodes them.

    Raises:
        DataError: naming the file and what is wrong.
    """
    with _opened(data, name) as file:
        if not file.frames:
            raise DataError(f"{name}: a sound file without sound")
    if thorough:
        read_sound(data, name)


def _opened(source: Path | bytes, name: str) -> Any:
    try:
        import soundfile
    except (ModuleNotFoundError, OSError) as error:
        raise MissingExtraError("audio", "reading sound files") from error
    if isinstance(source, Path) and not source.exists():
        raise DataError(f"{name}: no such file")
    try:
        file = soundfile.SoundFile(io.BytesIO(source) if isinstance(source, bytes) else source)
    except RuntimeError as error:
        raise DataError(f"{name}: no sound file that can be read ({error})") from error
    if file.frames > MAX_FRAMES:
        raise DataError(f"{name}: {file.frames:,} frames are more than {MAX_FRAMES:,}; cut it into pieces first")
    return file
