"""Meta-evaluation: one data set as N subtasks, or a list of tasks, gives Eᵢ and M in the report of the run."""

import json

import numpy as np
import pandas as pd
import pytest

from assay import Study
from assay.cli.app import run

FAKE = {"uri": "py:assay.testing.models:fake_texts", "label": "fake"}


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    """A log of 240 short texts of four kinds, from six sources, over 240 days, about a third of them mislabelled."""
    rng = np.random.default_rng(0)
    kinds = np.array(["good", "bad", "long", "short"])[np.arange(240) % 4]
    frame = pd.DataFrame({
        "text": [f"a {kind} text number {at}" for at, kind in enumerate(kinds)],
        "label": np.where(rng.random(240) < 0.3, rng.permutation(kinds), kinds),
        "source": [f"s{at % 6}" for at in rng.permutation(240)],
        "day": pd.date_range("2024-01-01", periods=240).astype(str),
    })  # fmt: skip
    path = tmp_path_factory.mktemp("log") / "log.csv"
    frame.to_csv(path, index=False)
    return path


WAYS = {
    "class": ("", 2, "other groups of classes of log"),
    "group": ("&group=source", 3, "other groups of log"),
    "time": ("&time=day", 4, "other times of log"),
    "random": ("", 5, "other random parts of log"),
}


@pytest.mark.parametrize("by", WAYS)
def test_a_study_splits_a_data_set_and_reports_scores_and_mean(log, tmp_path, capsys, by):
    """The run's report and the command on the run give Eᵢ for every subtask and M for both populations."""
    columns, n, population = WAYS[by]
    data = {"uri": f"csv:{log}?text=text&label=label{columns}", "label": "log", "subtasks": {"by": by, "n": n}}
    free = {"untrained": False, "raw": False, "majority": False}
    found = Study(models=[FAKE], data=[data], recipes=["ridge"], draws=2, baselines=free).run(
        tmp_path / "run", quiet=True
    )

    assert found.tally.failed == 0, found.tally.errors
    assert run(["sustainability", str(tmp_path / "run"), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    scores = [row["score"]["value"] for row in document["tables"]["scores"]]
    mean = document["tables"]["ranking"][0]["mean"]
    assert len(scores) == n
    assert mean["value"] == pytest.approx(np.mean(scores))
    assert mean["population"] == population
    assert document["tables"]["ranking"][0]["mean_again"]["population"].startswith("these tasks again")
    assert f"The mean of fake over {n} tasks is" in found.report().read_text(encoding="utf-8")


def test_a_list_of_tasks_stands_for_other_such_tasks(log, tmp_path, capsys):
    """Two data sets are two tasks, and M is for other such tasks."""
    tasks = [{"uri": f"csv:{log}?text=text&label={column}", "label": column} for column in ("label", "source")]
    free = {"untrained": False, "raw": False, "majority": False}
    Study(models=[FAKE], data=tasks, recipes=["ridge"], baselines=free).run(tmp_path / "run", quiet=True)

    assert run(["sustainability", str(tmp_path / "run"), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert {row["task"] for row in document["tables"]["scores"]} == {"label", "source"}
    assert document["tables"]["ranking"][0]["mean"]["population"] == "other such tasks"
