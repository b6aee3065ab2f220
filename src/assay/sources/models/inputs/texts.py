"""Texts → token ids: the model's own tokenizer, padded to the longest text of the batch and never further.

Padding stands on the right with a mask, so that a text's features do not depend on its neighbours. Sorting by length is
the caller's choice. This file imports no torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from assay.contracts import Batch
from assay.errors import DataError, UsageError
from assay.spec import Modality

COUNTED_LENGTH = 128
"""Tokens of the text at which FLOPs are counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextInputs:
    """Items (strings) → `input_ids`, `attention_mask` and, where they are taken, `token_type_ids`; int64 (b, t)."""

    ids_of: Callable[[list[str]], list[list[int]]]
    """Texts → ids, special tokens included, cut to the longest length allowed."""
    max_length: int
    """In tokens, special ones included."""
    pad: int
    """Fills the right of shorter rows."""
    blank: int
    """Stands for a text that has no token at all, so that it still has features."""
    keys: tuple[str, ...] = ("input_ids", "attention_mask")
    """What the network takes."""
    prompt: str = ""
    """Put before each text, where the model asks for it."""
    tokenizer: str = ""
    """Kind of tokenizer, for people."""
    modality: Modality = "text"

    @property
    def settings(self) -> Mapping[str, Any]:
        """What the features' key must know; the vocabulary is part of the revision."""
        facts = {"tokenizer": self.tokenizer, "max_length": self.max_length}
        return facts | ({"prompt": self.prompt} if self.prompt else {})

    def __call__(self, items: Sequence[Any]) -> Batch:
        """The batch.

        Raises:
            DataError: An item is not a string.
        """
        for item in items:
            if not isinstance(item, str):
                raise DataError(f"an item of type {type(item).__name__} where the model reads texts")
        rows = [row or [self.blank] for row in self.ids_of([self.prompt + item for item in items])]
        return self._pack(rows)

    def example(self) -> Batch:
        """A batch of one text of 128 tokens, or as many as the model takes, for measuring."""
        return self._pack([[self.blank] * min(COUNTED_LENGTH, self.max_length)])

    @property
    def note(self) -> str:
        """What a reader of the FLOPs should know."""
        return f"FLOPs are counted at {min(COUNTED_LENGTH, self.max_length)} tokens"

    def unmasked_example(self) -> Batch:
        """The same without its mask, for networks on the meta device, where a mask's values cannot be read."""
        return {name: array for name, array in self.example().items() if name != "attention_mask"}

    def _pack(self, rows: list[list[int]]) -> Batch:
        longest = max(len(row) for row in rows)
        ids = np.full((len(rows), longest), self.pad, dtype=np.int64)
        mask = np.zeros_like(ids)
        for k, row in enumerate(rows):
            ids[k, : len(row)] = row
            mask[k, : len(row)] = 1
        known = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        return {name: known[name] for name in self.keys}


def from_tokenizer(tokenizer: Any, *, max_length: int, prompt: str = "") -> TextInputs:
    """Inputs around a tokenizer of transformers; one without a padding token is given its end-of-text token."""

    def ids_of(texts: list[str]) -> list[list[int]]:
        return tokenizer(texts, truncation=True, max_length=max_length)["input_ids"]

    spares = (tokenizer.eos_token_id, tokenizer.bos_token_id, tokenizer.unk_token_id)
    spare = next((token for token in spares if token is not None), 0)
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else spare
    return TextInputs(
        ids_of=ids_of,
        max_length=max_length,
        pad=pad,
        blank=spare,
        prompt=prompt,
        tokenizer=type(tokenizer).__name__,
    )


def from_tokenizer_file(path: Path, *, max_length: int | None, keys: tuple[str, ...]) -> TextInputs:
    """Inputs around a `tokenizer.json`, without transformers.

    The longest length is the one given, or the file's own, or 512.
    """
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises a bare Exception
        raise UsageError(f"{path} cannot be read as a tokenizer: {error}") from error
    own = (tokenizer.truncation or {}).get("max_length")
    longest = max_length or own or 512
    padding = tokenizer.padding or {}
    pad = padding.get("pad_id", _first_id(tokenizer, "[PAD]", "<pad>", "</s>"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(longest)

    def ids_of(texts: list[str]) -> list[list[int]]:
        return [coded.ids for coded in tokenizer.encode_batch(texts)]

    blank = _first_id(tokenizer, "[UNK]", "<unk>", "</s>", "<|endoftext|>")
    return TextInputs(
        ids_of=ids_of, max_length=longest, pad=pad, blank=blank, keys=keys, tokenizer=type(tokenizer.model).__name__
    )


def _first_id(tokenizer: Any, *tokens: str) -> int:
    found = (tokenizer.token_to_id(token) for token in tokens)
    return next((int(token) for token in found if token is not None), 0)
