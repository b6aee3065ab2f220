"""Does similarity predict transfer: a source and five targets, from the run to the sentence on the page."""

import pytest

from assay import Study
from assay.ledger import open_run
from assay.run.describe import reload_parts
from assay.run.reuse import assess_reuse

SETS = ["0123", "4567", "1389", "2468", "0579"]
FAKE = "py:assay.testing.models:fake_images"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """One fake model and its twin on five sets of digits, each a target of its own; features in a shared store."""
    path = tmp_path_factory.mktemp("near") / "run"
    Study(
        models=[{"uri": FAKE, "label": "fake"}], recipes=["ridge"], metrics=["accuracy"],
        data=[{"uri": "sklearn:digits", "label": f"digits {digits}", "classes": list(digits), "rows": 80}
              for digits in SETS],
        baselines={"raw": False, "majority": False}, features={"store": str(path.parent / "store")},
    ).run(path, quiet=True)  # fmt: skip
    return path


def test_parts_of_one_data_set_are_told_apart(folder):
    """Each target is compared by its own rows and classes, not by those of the data set that it is a part of."""
    parts = reload_parts(open_run(folder))

    assert {part.task.classes for part in parts.values()} == {tuple(digits) for digits in SETS}
    assert {len(part) for part in parts.values()} == {80}
    assert set(parts) == {row.data for row in open_run(folder).trials()}


def test_the_correlation_over_five_targets_has_an_interval_and_a_sentence(folder):
    """Each measure tells its correlation with the gain over five targets; the page says whether any predicts it."""
    found = assess_reuse(open_run(folder), source_data=["sklearn:digits"], similarity_rows=30)
    document = found.to_dict()
    near = document["tables"]["nearness"]
    known = [row["correlation_with_gain"] for row in near if row["correlation_with_gain"]["value"] is not None]
    distances = {row["target"] for row in document["tables"]["similarity"] if row["source"] == "sklearn:digits"}

    assert not (folder / "features").exists(), "the similarity made features beside the store that the study names"
    assert distances == {f"digits {digits}" for digits in SETS}
    assert known, near
    assert all(found["n"] == 5 and found["low"] <= found["value"] <= found["high"] for found in known)
    assert all(-1 < found["low"] < found["high"] < 1 for found in known)
    predicted = [row["measure"] for row in near if row["predicts_gain"] == "yes"]
    claims = [finding["claim"] for finding in document["findings"] if "the gain" in finding["claim"]]
    assert any("predicts the gain over the twin here" in claim for claim in claims) == bool(predicted)
    said = any("do not choose a source by it" in caveat for caveat in document["caveats"])
    assert said == (not predicted)
