"""`folder:PATH`: a subfolder for each class; or subfolders train, valid and test with such in them.

Images, sounds (.wav, .flac, .ogg) and texts (.txt) are told by their suffix. Files stay on disk. Ids are paths relative
to the folder.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from assay.dataset import Dataset
from assay.errors import DataError
from assay.sources.data.assembly import assemble, split_name
from assay.sources.data.items.audio import SUFFIXES as SOUND_SUFFIXES
from assay.sources.data.items.files import Skipped, look_at
from assay.sources.data.items.image import SUFFIXES as IMAGE_SUFFIXES
from assay.sources.data.options import check_known, chosen, single
from assay.sources.data.options import split_name as split_options
from assay.sources.data.targets import encode_classes
from assay.spec import DataRef, Modality

_SUFFIXES: dict[str, Modality] = {
    **dict.fromkeys(IMAGE_SUFFIXES, "image"),
    **dict.fromkeys(SOUND_SUFFIXES, "audio"),
    ".txt": "text",
}
_SPLITS = ("train", "valid", "test")


def load(ref: DataRef, *, offline: bool = False) -> Dataset:  # noqa: ARG001 - a local folder
    """The files of a folder, with the names of their folders as classes.

    Options: `bad=skip` decodes every file once and leaves out those that cannot be read (counted in the notes), where
    the default `bad=fail` stops at the first; `encoding=` for texts.

    Raises:
        DataError: for a folder without classes, a class without files, a file that cannot be read.
    """
    name, options = split_options(ref.name)
    check_known(options, ("bad", "encoding"), ref.uri)
    skip = chosen(options, "bad", ("fail", "skip")) == "skip"
    root = Path(name).expanduser()
    if not root.is_dir():
        raise DataError(f"{root}: {'a file, not a folder' if root.exists() else 'no such folder'}")
    skipped = Skipped()
    found = _split_folders(root)
    rows = [(path, label, split) for split, folder in found for label, path in _labelled(folder, root, skip, skipped)]
    modality, rows, ignored = _one_kind(root, rows)
    paths = [path for path, _, _ in rows]
    looked = look_at(
        paths, [str(path) for path in paths], modality=modality, skip=skip, skipped=skipped,
        encoding=single(options, "encoding", "utf-8") or "utf-8",
    )  # fmt: skip
    kept = [rows[int(row)] for row in looked.kept]
    if not kept:
        raise DataError(f"{root}: none of the {len(rows):,} files can be read; the first: {skipped.examples[0]}")
    task, targets = encode_classes([label for _, label, _ in kept], where=str(root))
    return assemble(
        ref, modality=modality, task=task, targets=targets, load=looked.load, digests=looked.digests,
        ids=[path.relative_to(root).as_posix() for path, _, _ in kept],
        splits=[split for _, _, split in kept] if found[0][0] else None,
        notes={**skipped.notes(), **({"ignored_files": ignored} if ignored else {})},
    )  # fmt: skip


def _split_folders(root: Path) -> list[tuple[str, Path]]:
    """The folders that hold class folders, each with its split; one folder and no split where there are none."""
    folders = _folders(root)
    splits = [(split_name(folder.name), folder) for folder in folders]
    named = {split for split, _ in splits}
    if folders and named <= set(_SPLITS) and any(_folders(folder) for folder in folders):
        return sorted(splits, key=lambda pair: _SPLITS.index(pair[0]))
    return [("", root)]


def _folders(root: Path) -> list[Path]:
    return sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))


def _labelled(folder: Path, root: Path, skip: bool, skipped: Skipped) -> list[tuple[str, Path]]:
    """(class, file) for every file below the class folders."""
    classes = _folders(folder)
    if not classes:
        raise DataError(
            f"{folder}: no subfolders; a subfolder for each class is needed, or train, valid and test with such"
        )
    out: list[tuple[str, Path]] = []
    for place in classes:
        files = sorted(path for path in place.rglob("*") if path.is_file() and not path.name.startswith("."))
        if not any(path.suffix.casefold() in _SUFFIXES for path in files):
            if not skip:
                raise DataError(f"{place}: class {place.name!r} has no files; remove the folder, or add bad=skip")
            skipped.add("a class without files", f"{place.relative_to(root).as_posix()}: no files")
            continue
        out += [(place.name, path) for path in files]
    return out


def _one_kind(
    root: Path, rows: Sequence[tuple[Path, str, str]]
) -> tuple[Modality, list[tuple[Path, str, str]], dict[str, int]]:
    """The kind of item, the rows of that kind, and how many files of other suffixes were passed over."""
    counts: dict[Modality, int] = {}
    ignored: dict[str, int] = {}
    for path, _, _ in rows:
        kind = _SUFFIXES.get(path.suffix.casefold())
        if kind is None:
            ignored[path.suffix] = ignored.get(path.suffix, 0) + 1
        else:
            counts[kind] = counts.get(kind, 0) + 1
    if len(counts) > 1:
        mixed = " and ".join(f"{count:,} of {kind}" for kind, count in sorted(counts.items()))
        raise DataError(f"{root}: files of several kinds ({mixed}); keep one kind")
    if not counts:
        raise DataError(f"{root}: no images, sounds or texts; known suffixes: {', '.join(sorted(_SUFFIXES))}")
    kind = next(iter(counts))
    return kind, [row for row in rows if _SUFFIXES.get(row[0].suffix.casefold()) == kind], ignored
