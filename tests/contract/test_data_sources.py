"""Every data source, on files in its real format, against the shipped suite."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from assay.builtin import DATA_SOURCES
from assay.dataset import Dataset
from assay.sources.data import from_arrays, from_frame, load_data, take
from assay.testing.data import DataSuite, fake_dataset


def _frame() -> pd.DataFrame:
    return pd.DataFrame({"text": [f"text number {row}" for row in range(12)], "label": ["a", "b", "c"] * 4})


def _csv(at: Path) -> str:
    _frame().to_csv(at / "t.csv", index=False)
    return f"csv:{at / 't.csv'}"


def _tsv(at: Path) -> str:
    _frame().to_csv(at / "t.tsv", index=False, sep="\t")
    return f"tsv:{at / 't.tsv'}"


def _jsonl(at: Path) -> str:
    _frame().to_json(at / "t.jsonl", orient="records", lines=True)
    return f"jsonl:{at / 't.jsonl'}"


def _parquet(at: Path) -> str:
    rng = np.random.default_rng(0)
    cells = []
    for row in range(8):
        path = at / f"{row}.png"
        Image.fromarray(rng.integers(0, 255, (9, 7, 3), dtype=np.uint8)).save(path)
        cells.append(path.read_bytes())
    pd.DataFrame({"image": cells, "label": [0, 1] * 4}).to_parquet(at / "t.parquet", row_group_size=3)
    return f"parquet:{at / 't.parquet'}"


def _folder(at: Path) -> str:
    rng = np.random.default_rng(1)
    for label in ("x", "y"):
        (at / "photos" / label).mkdir(parents=True)
        for row in range(3):
            Image.fromarray(rng.integers(0, 255, (9, 7, 3), dtype=np.uint8)).save(at / "photos" / label / f"{row}.jpg")
    return f"folder:{at / 'photos'}"


def _sounds(at: Path) -> str:
    import soundfile

    rng = np.random.default_rng(2)
    for label in ("x", "y"):
        (at / "sounds" / label).mkdir(parents=True)
        for row in range(2):
            soundfile.write(at / "sounds" / label / f"{row}.wav", 0.1 * rng.normal(size=500), 8000)
    return f"folder:{at / 'sounds'}"


def _hub(at: Path) -> str:
    import datasets

    datasets.disable_progress_bars()
    features = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["p", "q"])})
    rows = {"text": [f"text {row}" for row in range(6)], "label": [0, 1] * 3}
    datasets.DatasetDict({"train": datasets.Dataset.from_dict(rows, features=features)}).save_to_disk(str(at / "hub"))
    return f"hf:{at / 'hub'}"


# Name of a case -> how to write the data below a folder; gives the name to load them by.
WRITTEN: dict[str, Callable[[Path], str]] = {
    "csv": _csv, "tsv": _tsv, "jsonl": _jsonl, "parquet": _parquet, "folder": _folder, "folder-sounds": _sounds,
    "hf": _hub, "sklearn": lambda at: "sklearn:digits", "sklearn-regression": lambda at: "sklearn:diabetes",
    "torchvision": lambda at: "torchvision:FakeData?size=30&num_classes=2&image_size=3,8,8",
    "py": lambda at: "py:assay.testing.data:fake_dataset?n=20&modality=audio&kind=binary",
}  # fmt: skip

IN_MEMORY: dict[str, Callable[[], Dataset]] = {
    "arrays": lambda: from_arrays(np.eye(6), [0, 1] * 3, name="eye"),
    "frame": lambda: from_frame(_frame(), name="frame"),
    "multilabel": lambda: fake_dataset(20, modality="text", kind="multilabel"),
    "part": lambda: take(fake_dataset(20), [3, 7, 1, 8, 5]),
}


@pytest.mark.parametrize("case", [*WRITTEN, *IN_MEMORY])
class TestDataSources(DataSuite):
    """The suite of `assay.testing`, once for each case."""

    @pytest.fixture(autouse=True)
    def _choose(self, case, tmp_path):
        self._make = IN_MEMORY[case] if case in IN_MEMORY else self._from(WRITTEN[case](tmp_path))

    def _from(self, name: str) -> Callable[[], Dataset]:
        return lambda: load_data(name, offline=True)

    def make(self) -> Dataset:
        return self._make()


def test_every_built_in_data_source_is_covered():
    """A source added to the registry without a case here is noticed."""
    assert {case.partition("-")[0] for case in WRITTEN} == set(DATA_SOURCES)
