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
    assert_published(document)


def assert_published(document):
    """The document has the columns and estimates that selection, rank and select share, each of its kind."""
    for row in document["tables"]["ranking"]:
        assert {row[name]["name"] for name in ("score", "regret")} == {row["score"]["name"], "regret"}
        assert row["rank_low"] <= row["rank"] <= row["rank_high"]
        assert row["regret"]["low"] <= row["regret"]["value"] <= row["regret"]["high"]
        assert row["regret"]["level"] >= 0.95
        assert row["group"] >= 1
        assert 0 <= row["p_best"] <= 1
        assert set(row["cost"]) == {"seconds", "parameters", "flops", "peak_bytes"}
        assert all(isinstance(value, float | str) for value in row["battery"].values())
    estimates = {estimate["name"]: estimate for estimate in document["estimates"]}
    assert estimates["expected_regret"]["value"] == document["tables"]["ranking"][0]["regret"]["value"]
    assert (estimates["cost_fraction"]["value"] is None) == (estimates["cost_fraction"]["reason"] is not None)


def test_selection_reads_scores_under_other_names(tmp_path, capsys):
    """A table with columns of its own names and one score a class is ranked by log loss."""
    rng = np.random.default_rng(0)
    rows = []
    for net, sure in (("sharp", 6.0), ("dull", 1.0)):
        for at in range(80):
            p = rng.dirichlet(np.where(np.arange(3) == at % 3, sure, 0.5))
            rows.append({"net": net, "img": at, "truth": "xyz"[at % 3], "p_x": p[0], "p_y": p[1], "p_z": p[2]})
    path = tmp_path / "scores.csv"
    pd.DataFrame(rows).to_csv(path, index=False)
    named = ["--model", "net", "--item", "img", "--target", "truth"]
    status = run(["selection", str(path), *named, "--score", "p_x", "--score", "p_y", "--score", "p_z", "--json"])
    document = json.loads(capsys.readouterr().out)

    assert status == 0
    assert [row["model"] for row in document["tables"]["ranking"]] == ["sharp", "dull"]
    assert document["tables"]["ranking"][0]["score"]["name"] == "log_loss"
    assert_published(document)


def test_a_model_that_speaks_of_other_classes_is_named_and_the_others_ranked(answers, capsys):
    """A model whose labels are none of the targets' is not ranked last for it: it is listed with both lists of names."""
    frame = pd.read_csv(answers)
    other = frame[frame["model"] == "b"].assign(model="c", said=[f"n0{at % 7}" for at in range(60)])
    pd.concat([frame, other]).to_csv(answers, index=False)
    status = run(["selection", str(answers), "--prediction", "said", "--json"])
    document = json.loads(capsys.readouterr().out)
    other.to_csv(answers, index=False)
    alone = run(["selection", str(answers), "--prediction", "said"])

    assert status == 0
    assert [row["model"] for row in document["tables"]["ranking"]] == ["a", "b"]
    assert document["tables"]["unranked"][0]["model"] == "c"
    assert "n00, n01, n02 and 4 more against cat, dog" in document["tables"]["unranked"][0]["reason"]
    assert alone == 4
    assert "none of the targets' classes" in capsys.readouterr().err


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
    assert_published(document)
    assert_published(race)
    assert "cost_fraction" in {e["name"] for e in race["estimates"]}


HEADS = """
import dataclasses

import numpy as np

from assay.testing.models import FakeModel


class Wide(FakeModel):
    def source_probabilities(self, batch):
        odds = np.exp(self.encode(batch).astype(float))
        return odds / odds.sum(axis=1, keepdims=True)


def wide(pretrained=True):
    model = Wide("image", name="wide", seed=1, untrained=not pretrained)
    model.info = dataclasses.replace(model.info, labels=())
    return model


class Bare(FakeModel):
    def source_probabilities(self, batch):
        return None


def bare(pretrained=True):
    return Bare("image", name="bare", seed=2, untrained=not pretrained)
"""


def test_models_with_different_heads_are_ranked_together(tmp_path, capsys):
    """Heads of 3 named and 8 nameless classes give LEEP and NCE, a model without a head says why it does not."""
    (tmp_path / "heads.py").write_text(HEADS)
    models = [MODEL, *(f"py:{tmp_path}/heads.py:{name}" for name in ("wide", "bare"))]
    status = run(["rank", "--data", "sklearn:digits", "--models", ",".join(models), "--engine", "model", "--rows", "100",
                  "--score", "leep", "--score", "nce", "--json"])  # fmt: skip
    document = json.loads(capsys.readouterr().out)
    batteries = {row["model"]: row["battery"] for row in document["tables"]["ranking"]}

    assert status == 0
    assert all(batteries[name][score] < 0 for name in models[:2] for score in ("leep", "nce"))
    assert all("no source head" in batteries[models[2]][score] for score in ("leep", "nce"))
    assert any("source heads of 3 to 8 classes" in caveat for caveat in document["caveats"])


@pytest.mark.parametrize("command", [["rank"], ["select", "--budget", "1h"]])
def test_fewer_rows_than_classes_can_do_with_are_refused(command, capsys):
    """Ten rows hold each digit once: status 2, and the number of rows that would do."""
    status = run([*command, "--data", "sklearn:digits", "--models", MODEL, "--engine", "model", "--rows", "10"])

    assert status == 2
    assert "take 20 rows or more (--rows), of 1,797" in capsys.readouterr().err


def test_a_budget_that_cannot_be_read_is_refused(capsys):
    """A budget without a unit ends with status 2 before anything is loaded."""
    assert run(["select", "--data", "sklearn:digits", "--models", MODEL, "--budget", "soon"]) == 2
    assert "10m" in capsys.readouterr().err
