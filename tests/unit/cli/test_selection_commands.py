"""The commands selection, validate-scores, rank and select, as people type them."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from assay.cli.app import run


@pytest.fixture
def answers(tmp_path):
    """A table of two models' answers to 60 items."""
    rng = np.random.default_rng(0)
    rows = []
    for model, share in (("a", 0.9), ("b", 0.6)):
        for item in range(60):
            truth = "cat" if item % 2 else "dog"
            right = rng.random() < share
            rows.append({"model": model, "item": item, "target": truth, "said": truth if right else "bird"})
    path = tmp_path / "answers.csv"
    pd.DataFrame(rows).to_csv(path, index=False)
    return path


def test_selection_reads_anyones_results(answers, capsys):
    """A table of answers becomes one JSON document, with the published columns."""
    status = run(["selection", str(answers), "--prediction", "said", "--json"])
    document = json.loads(capsys.readouterr().out)

    assert status == 0
    assert document["schema"] == "assay/selection/1"
    assert document["tables"]["ranking"][0]["model"] == "a"


def test_the_same_seed_gives_the_same_document(answers, capsys):
    """Two calls with one seed print the same JSON, byte for byte."""
    outputs = []
    for _ in range(2):
        run(["selection", str(answers), "--prediction", "said", "--json", "--rng-seed", "3"])
        outputs.append(capsys.readouterr().out)

    assert outputs[0] == outputs[1]


def test_a_gate_on_the_regret_ends_with_status_one(answers, capsys):
    """`--fail-if` on a named estimate decides the exit status."""
    gate = ["--fail-if", "gain over majority > -100 points"]
    held = run(["selection", str(answers), "--prediction", "said", "--fail-if", "expected_regret < 50 points"])
    unknown = run(["selection", str(answers), "--prediction", "said", *gate])

    assert held == 1
    assert unknown == 2
    assert "expected_regret" in capsys.readouterr().err


def test_a_missing_column_is_named_with_status_two(answers, capsys):
    """A column that is not there ends with status 2 and the nearest name."""
    assert run(["selection", str(answers), "--prediction", "sad"]) == 2
    assert "'said'" in capsys.readouterr().err


def test_validate_scores_judges_a_table(tmp_path, capsys):
    """A table of scores and accuracies gets a verdict against the static rank."""
    rng = np.random.default_rng(0)
    rows = [{"model": f"m{m}", "dataset": f"d{d}", "accuracy": (a := rng.random()), "mine": a + 0.05 * rng.random()}
            for m in range(6) for d in range(5)]  # fmt: skip
    path = tmp_path / "scores.csv"
    pd.DataFrame(rows).to_csv(path, index=False)
    status = run(["validate-scores", str(path), "--score", "mine", "--json"])
    document = json.loads(capsys.readouterr().out)

    assert status == 0
    assert document["schema"] == "assay/validate-scores/1"
    assert document["tables"]["scores"][0]["tau"]["value"] > 0.7


MODEL = "py:assay.testing.models:fake_images"


def test_validate_scores_takes_a_function_of_ones_own(tmp_path, capsys):
    """A function in a file is named on the command line; one that is not there is named with status 2."""
    (tmp_path / "mine.py").write_text("def half(rows):\n    return rows['score'] / 2\n")
    table = tmp_path / "table.csv"
    rows = [f"m{m},d{d},{0.1 * m + 0.01 * d},{0.1 * m}" for d in range(3) for m in range(5)]
    table.write_text("model,dataset,accuracy,score\n" + "\n".join(rows) + "\n")
    status = run(["validate-scores", str(table), "--function", f"py:{tmp_path}/mine.py:half", "--json"])
    document = json.loads(capsys.readouterr().out)

    assert status == 0
    assert document["tables"]["scores"][0]["tau"]["value"] > 0.99
    assert run(["validate-scores", str(table), "--function", f"py:{tmp_path}/mine.py:other"]) == 2
    assert "half" in capsys.readouterr().err


def test_rank_and_select_on_named_models(tmp_path, capsys):
    """Both commands take names, rank what can be loaded and name what cannot."""
    prior = tmp_path / "prior.csv"
    prior.write_text(f"model,score\n{MODEL},1.0\nrandom:{MODEL},2.0\n")
    common = ["--data", "sklearn:digits", "--models", f"{MODEL},random:{MODEL},py:assay.nowhere:x", "--engine", "model"]
    ranked = run(["rank", *common, "--rows", "120", "--score", "logme", "--prior", str(prior), "--json"])
    document = json.loads(capsys.readouterr().out)
    selected = run(["select", *common, "--budget", "6 trials", "--json"])
    race = json.loads(capsys.readouterr().out)

    assert (ranked, selected) == (0, 0)
    assert {row["model"] for row in document["tables"]["ranking"]} == {MODEL, f"random:{MODEL}"}
    assert document["tables"]["unranked"][0]["model"] == "py:assay.nowhere:x"
    assert "published score" in {row["baseline"] for row in document["tables"]["baselines"]}
    assert race["schema"] == "assay/select/1"
    assert "cost_fraction" in {e["name"] for e in race["estimates"]}


def test_a_budget_that_cannot_be_read_is_refused(capsys):
    """A budget without a unit ends with status 2 before anything is loaded."""
    assert run(["select", "--data", "sklearn:digits", "--models", MODEL, "--budget", "soon"]) == 2
    assert "10m" in capsys.readouterr().err
