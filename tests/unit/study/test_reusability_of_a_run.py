"""Reusability from a run folder: what the ledger, the speed measurement and the command give the lens."""

import json

import numpy as np
import pytest

from assay import Study
from assay.cli.app import run as command
from assay.features.speed import measure_speed
from assay.ledger import open_run
from assay.ledger.reuse import reuse_candidates
from assay.sources.data import load_data
from assay.sources.models import load_model

FAKE = "py:assay.testing.models:fake_images"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A small run: one model and its twin, two recipes, three budgets, three draws."""
    path = tmp_path_factory.mktemp("reuse") / "run"
    study = Study(
        models=[{"uri": FAKE, "label": "fake"}], data=[{"uri": "sklearn:digits", "label": "digits", "rows": 300}],
        recipes=["ridge", "knn"], draws=3, budgets=[2, 5, "all"], metrics=["accuracy"],
    )  # fmt: skip
    study.run(path, quiet=True)
    return path


def test_every_budget_and_draw_of_model_and_twin_is_there(folder):
    """The curves of a model and of its twin with the same recipe hold each budget in each draw."""
    candidates, metric = reuse_candidates(open_run(folder), level=0.95, rng_seed=0)
    points = {(point.budget, point.draw) for point in candidates[0].curve}

    assert metric == "accuracy"
    assert {candidate.model for candidate in candidates} == {"fake (ridge)", "fake (knn)"}
    assert len(points) == 9
    assert {(point.budget, point.draw) for point in candidates[0].twin_curve} == points


def test_performance_is_paired_over_items_and_draws(folder):
    """Replicates of all candidates of a target belong together and scatter about the mean score."""
    candidates, _ = reuse_candidates(open_run(folder), level=0.95, rng_seed=0)
    first, second = (candidate.replicates for candidate in candidates)

    assert first.mean() == pytest.approx(candidates[0].performance.value, abs=0.02)
    assert np.std(first - second) < np.hypot(first.std(), second.std())


def test_a_solved_head_is_one_moment_with_its_validation_score(folder):
    """A recipe without epochs reaches its score at its own time, by the validation rows."""
    candidates, _ = reuse_candidates(open_run(folder), level=0.95, rng_seed=0)

    assert [len(training.moments) for training in candidates[0].trainings] == [1, 1, 1]
    assert all(0 < training.moments[0].score <= 1 for training in candidates[0].trainings)
    assert all(training.moments[0].peak_bytes > 10_000_000 for training in candidates[0].trainings)
    assert all(training.moments[0].joules is None for training in candidates[0].trainings)


def test_the_speed_of_a_model_is_measured_once_in_the_run(folder):
    """Latency, throughput, best batch and memory stand in the complexity of the run."""
    candidates, _ = reuse_candidates(open_run(folder), level=0.95, rng_seed=0)
    known = candidates[0].complexity

    assert known.latency_ms.low <= known.latency_ms.value <= known.latency_ms.high
    assert known.throughput.value > 0
    assert known.best_batch >= 1
    assert known.peak_bytes > 1_000_000
    assert known.trained_parameters == (known.width + 1) * 10


def test_throughput_at_the_best_batch_is_not_below_that_of_single_items():
    """The best batch is the fastest that was tried; one item alone is among them."""
    speed = measure_speed(load_model(FAKE), load_data("sklearn:digits"))

    assert speed.throughput.value > 0.3 * 1000.0 / speed.latency_ms.value


def test_the_command_gives_the_published_tables(folder, capsys):
    """`assay reusability RUN --json` prints one document with the tables of the schema."""
    assert command(["reusability", str(folder), "--json", "--reach", "0.5"]) == 0
    document = json.loads(capsys.readouterr().out)

    assert document["schema"] == "assay/reusability/1"
    assert {"indicators", "budget_curve", "similarity", "pareto", "complexity"} <= set(document["tables"])
    assert {"model", "p_on_front", "share_of_weights"} <= set(document["tables"]["pareto"][0])
    assert {"performance", "adaptation_time", "similarity", "complexity"} <= set(document["tables"]["indicators"][0])
    assert "0.5" in {row["goal"] for row in document["tables"]["adaptation"]}


def test_the_command_reads_a_table(tmp_path, capsys):
    """`assay reusability TABLE` needs a model and a score; a missing column is an error that names it."""
    path = tmp_path / "results.csv"
    path.write_text("model,score,seconds\na,0.9,10\nb,0.8,1\n")

    assert command(["reusability", str(path), "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["tables"]["pareto"]) == 2
    assert command(["reusability", str(path), "--score", "accuracy"]) == 2
    assert "accuracy" in capsys.readouterr().err


def test_models_are_described_before_anything_is_downloaded(capsys):
    """Names of models give their complexity, and limits say which of them come into question."""
    names = ["timm:resnet18", "timm:mobilenetv3_small_050"]

    assert command(["reusability", *names, "--limit", "parameters<5M", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    rows = {row["model"]: row for row in document["tables"]["complexity"]}

    assert rows["timm:resnet18"]["parameters"] == 11_176_512
    assert rows["timm:resnet18"]["activations"] == 2_483_712
    assert [name for name in names if rows[name]["within_limits"]] == names[1:]
    assert "1 of 2 models meet the limits" in document["verdict"]


def test_two_sources_at_once_are_refused(folder, tmp_path, capsys):
    """A run and a table cannot be read together, nor source data be compared for a table."""
    path = tmp_path / "results.csv"
    path.write_text("model,score\na,0.9\n")

    assert command(["reusability", str(folder), str(path)]) == 2
    assert command(["reusability", str(path), "--source-data", "sklearn:digits"]) == 2
    assert "distance" in capsys.readouterr().err
