"""Waveforms → what speech models read: one rate, one channel, and a spectrogram where the model wants one.

Items are (waveform, rate) pairs. This file imports no torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.contracts import Batch
from assay.errors import DataError, MissingExtraError
from assay.spec import Modality


@dataclass(frozen=True, slots=True, kw_only=True)
class WaveformInputs:
    """Items → the arrays that a feature extractor of transformers makes, such as `input_values`."""

    extract: Callable[..., Mapping[str, Any]]
    """The feature extractor."""
    rate: int
    """Samples a second that the model reads."""
    settings: Mapping[str, Any]
    """What the features' key must know."""
    keys: tuple[str, ...]
    """What the network takes."""
    padding: bool | str = True
    """To the longest recording of the batch, or `max_length`."""
    modality: Modality = "audio"

    def __call__(self, items: Sequence[Any]) -> Batch:
        """The batch; raises DataError where an item is no waveform."""
        waves = [resampled(*as_waveform(item), self.rate) for item in items]
        made = self.extract(waves, sampling_rate=self.rate, padding=self.padding, return_tensors="np")
        return {name: np.asarray(made[name]) for name in self.keys if name in made}

    def example(self) -> Batch:
        """A batch of one second of faint noise, for measuring."""
        noise = np.random.default_rng(0).normal(0.0, 0.01, self.rate).astype(np.float32)
        return self([(noise, self.rate)])


@dataclass(frozen=True, slots=True, kw_only=True)
class MelInputs:
    """Items → `mels` float32 (b, p, f, k) and `mask` (b, p): overlapping windows of a mel spectrogram.

    Windows follow each other at `step` frames; the last one is kept when at least three quarters of it are sound. Quiet
    waveforms are brought up to `level` decibels below full scale.
    """

    rate: int = 16_000
    """Samples a second."""
    window: int = 400
    """Samples of one Fourier window."""
    hop: int = 160
    """Samples between frames."""
    channels: int = 40
    """k, mel bands."""
    frames: int = 160
    """f, frames of one window."""
    step: int = 77
    """Frames between the starts of two windows."""
    level: float = -30.0
    """Least loudness, in decibels."""
    modality: Modality = "audio"

    @property
    def settings(self) -> Mapping[str, Any]:
        """What the features' key must know."""
        names = ("rate", "window", "hop", "channels", "frames", "step", "level")
        return {name: getattr(self, name) for name in names}

    def __call__(self, items: Sequence[Any]) -> Batch:
        """The batch; raises DataError where an item is no waveform."""
        parts = [self._windows(resampled(*as_waveform(item), self.rate)) for item in items]
        most = max(len(part) for part in parts)
        mels = np.zeros((len(parts), most, self.frames, self.channels), dtype=np.float32)
        mask = np.zeros((len(parts), most), dtype=np.float32)
        for k, part in enumerate(parts):
            mels[k, : len(part)] = part
            mask[k, : len(part)] = 1.0
        return {"mels": mels, "mask": mask}

    def example(self) -> Batch:
        """A batch of one window of silence, for measuring."""
        return {
            "mels": np.zeros((1, 1, self.frames, self.channels), dtype=np.float32),
            "mask": np.ones((1, 1), dtype=np.float32),
        }

    def _windows(self, wave: NDArray[np.float32]) -> NDArray[np.float32]:
        starts, needed = self._starts(len(wave))
        wave = np.pad(self._louder(wave), (0, max(0, needed - len(wave))))
        mel = mel_spectrogram(wave, rate=self.rate, window=self.window, hop=self.hop, channels=self.channels)
        return np.stack([mel[start : start + self.frames] for start in starts])

    def _starts(self, samples: int) -> tuple[list[int], int]:
        """First frames of the windows, and the samples that they need together."""
        frames = int(np.ceil((samples + 1) / self.hop))
        starts = list(range(0, max(1, frames - self.frames + self.step + 1), self.step))
        covered = (samples - starts[-1] * self.hop) / (self.frames * self.hop)
        if covered < 0.75 and len(starts) > 1:
            starts.pop()
        return starts, (starts[-1] + self.frames) * self.hop

    def _louder(self, wave: NDArray[np.float32]) -> NDArray[np.float32]:
        power = float(np.sqrt(np.mean(np.square(wave, dtype=np.float64))))
        if power == 0.0:
            return wave
        gain = self.level - 20.0 * np.log10(power)
        return wave if gain < 0 else (wave * 10.0 ** (gain / 20.0)).astype(np.float32)


def as_waveform(item: Any) -> tuple[NDArray[np.float32], int]:
    """An item as (mono waveform, rate); channels of a (c, n) or (n, c) array are averaged.

    Raises:
        DataError: The item is no pair of samples and rate, is empty, or is not finite.
    """
    if not (isinstance(item, (tuple, list)) and len(item) == 2):
        raise DataError(f"an item of type {type(item).__name__} where the model reads pairs of waveform and rate")
    wave = np.asarray(item[0], dtype=np.float32)
    if wave.ndim == 2:
        wave = wave.mean(axis=int(np.argmin(wave.shape)))
    if wave.ndim != 1 or not len(wave):
        raise DataError(f"a waveform of shape {np.shape(item[0])}; one of shape (samples,) with at least one is needed")
    if not np.isfinite(wave).all():
        raise DataError("a waveform with NaN or infinite samples")
    return wave, int(item[1])


def resampled(wave: NDArray[np.float32], rate: int, wanted: int) -> NDArray[np.float32]:
    """The waveform at another rate; raises MissingExtraError where soxr is not installed and the rates differ."""
    if rate == wanted:
        return wave
    try:
        import soxr
    except ModuleNotFoundError as error:
        raise MissingExtraError("audio", f"bringing a waveform from {rate} to {wanted} samples a second") from error
    return soxr.resample(wave, rate, wanted).astype(np.float32)


def mel_spectrogram(
    wave: NDArray[np.float32], *, rate: int, window: int, hop: int, channels: int
) -> NDArray[np.float32]:
    """Power of a waveform in mel bands.

    Args:
        wave: (samples,)
        rate: Samples a second.
        window: Samples of one Hann window.
        hop: Samples between frames.
        channels: k, bands between 0 and half the rate.

    Returns:
        (frames, k), frames centred on multiples of `hop`, the ends padded with silence.

    References:
        Slaney (1998), Auditory Toolbox, for the scale (linear below 1 kHz) and the triangles of equal area.
    """
    from scipy.signal.windows import hann

    padded = np.pad(wave.astype(np.float64), window // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, window)[::hop]
    power = np.abs(np.fft.rfft(frames * hann(window, sym=False), axis=1)) ** 2
    return (power @ _mel_bands(rate, window, channels).T).astype(np.float32)


def _mel_bands(rate: int, window: int, channels: int) -> NDArray[np.float64]:
    """(k, window // 2 + 1) triangles."""
    top = _mel_of(np.array(rate / 2.0))
    edges = _hertz_of(np.linspace(0.0, float(top), channels + 2))
    bins = np.fft.rfftfreq(window, 1.0 / rate)
    rising = (bins - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - bins) / np.diff(edges)[1:, None]
    return np.maximum(0.0, np.minimum(rising, falling)) * (2.0 / (edges[2:] - edges[:-2]))[:, None]


def _mel_of(hertz: NDArray[np.float64]) -> NDArray[np.float64]:
    linear = hertz * 3.0 / 200.0
    return np.where(hertz < 1000.0, linear, 15.0 + 27.0 * np.log(np.maximum(hertz, 1e-9) / 1000.0) / np.log(6.4))


def _hertz_of(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(mel < 15.0, mel * 200.0 / 3.0, 1000.0 * 6.4 ** ((mel - 15.0) / 27.0))
