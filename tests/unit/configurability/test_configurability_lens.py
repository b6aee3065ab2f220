"""Promises of the configurability lens, bad input among them."""

import json

import numpy as np
import pandas as pd
import pytest

from assay.assess.configurability import configurability, trials_from_frame
from assay.assess.configurability.tunability import chosen_score
from assay.cli.app import run
from assay.errors import DataError, NothingToAssessError, UnknownNameError
from assay.stats.expected_maximum import expected_maximum


def a_search(rng, configurations=40, repeats=3, noise=0.01, groups=1) -> pd.DataFrame:
    rows = []
    for group in range(groups):
        for i in range(configurations):
            generator = np.random.default_rng(i)
            lr, decay, optimizer = 10 ** generator.uniform(-4, 0), 10 ** generator.uniform(-6, -2), "ab"[i % 2]
            truth = 0.8 - 0.05 * (np.log10(lr) + 2) ** 2 + 0.02 * (optimizer == "a")
            rows += [
                {
                    "lr": lr, "decay": decay, "optimizer": optimizer, "seed": seed, "data": f"d{group}",
                    "accuracy": truth + noise * rng.normal(), "seconds": 2.0,
                }
                for seed in range(repeats)
            ]  # fmt: skip
    return pd.DataFrame(rows)


def assess(frame: pd.DataFrame, **options):
    trials = trials_from_frame(frame, score="accuracy", seed="seed", cost="seconds", group="data")
    return configurability(trials, resamples=200, **options)


def test_the_parameter_that_matters_is_named_and_the_other_is_not(rng):
    """A strong learning rate is claimed; a weight decay without effect is not."""
    found = assess(a_search(rng))
    claimed = {
        tuple(row["parameters"])
        for row in found.tables["importance"]
        if row["claimed"] and row["region"] == "whole space"
    }

    assert ("lr",) in claimed
    assert ("decay",) not in claimed
    assert "lr" in found.verdict


def test_the_document_has_the_published_tables(rng):
    """Every table of the schema is there, numbers with uncertainty are estimates, and no NaN is written."""
    document = json.loads(assess(a_search(rng, groups=2)).to_json())

    assert document["schema"] == "assay/configurability/1"
    wanted = {"importance", "tunability", "variance", "budget_curve", "defaults", "failures"}
    assert wanted <= set(document["tables"])
    share = document["tables"]["importance"][0]["share"]
    assert set(share) == {"name", "value", "low", "high", "level", "n", "unit", "method", "population", "reason"}


def test_the_same_seed_gives_the_same_answer(rng):
    """Everything random comes from the seed."""
    frame = a_search(rng)

    assert assess(frame, rng_seed=3).tables == assess(frame, rng_seed=3).tables


def test_the_best_of_equal_configurations_is_not_flattered(rng):
    """The honest score of a choice among equal configurations is unbiased; the naive one is not."""
    honest, naive = [], []
    for _ in range(400):
        choice = chosen_score([rng.normal(size=4) for _ in range(20)])
        honest.append(choice.honest)
        naive.append(choice.naive)

    assert abs(np.mean(honest)) < 0.1
    assert np.mean(naive) > 0.7


def test_the_expected_maximum_is_unbiased(rng):
    """The mean over many samples equals the true expected maximum of uniform scores."""
    budgets = np.array([1, 5, 10])
    found = np.mean([expected_maximum(rng.random(12), budgets) for _ in range(4000)], axis=0)

    np.testing.assert_allclose(found, budgets / (budgets + 1), atol=0.01)


def test_one_run_is_nothing_to_assess():
    """A single trial gets a reason, not an importance of 1."""
    with pytest.raises(NothingToAssessError, match="one run"):
        configurability(trials_from_frame(pd.DataFrame({"a": [1], "y": [0.5]}), score="y"))


def test_one_configuration_with_repeats_names_no_parameter(rng):
    """What never varies is listed, and nothing is called important."""
    frame = pd.DataFrame({"a": [1] * 5, "seed": range(5), "y": rng.random(5)})
    found = configurability(trials_from_frame(frame, score="y", seed="seed"), resamples=100)

    assert found.tables["importance"] == []
    assert any("Never varied" in caveat and "a" in caveat for caveat in found.caveats)


def test_a_constant_score_has_no_importance():
    """No share of nothing is given away."""
    frame = pd.DataFrame({"a": range(20), "b": [0, 1] * 10, "y": [0.5] * 20})
    found = configurability(trials_from_frame(frame, score="y"), resamples=100)

    assert found.tables["importance"] == []
    assert "the same for all" in found.verdict


def test_failed_runs_are_counted_and_never_dropped(rng):
    """Runs without a score make the failure table; when all failed there is nothing else to say."""
    frame = a_search(rng, repeats=1)
    frame.loc[frame["lr"] > 0.05, "accuracy"] = np.nan
    found = assess(frame)
    overall = found.tables["failures"][0]

    assert overall["failed"] == int((frame["lr"] > 0.05).sum())
    assert any(row["parameter"] == "lr" and row["p_adjusted"] < 0.05 for row in found.tables["failures"])
    frame["accuracy"] = np.nan
    with pytest.raises(NothingToAssessError, match="failed"):
        assess(frame)


def test_categories_seen_once_are_left_out_with_the_reason(rng):
    """A column of names that never repeat cannot be judged."""
    frame = a_search(rng, repeats=1).assign(run=[f"run-{i}" for i in range(40)])

    assert any("run has 40 different values" in caveat for caveat in assess(frame).caveats)


def test_runs_still_at_work_are_left_out_and_said(rng):
    """A study that is running is assessed on what has ended."""
    frame = a_search(rng, repeats=1).assign(state=["RUNNING"] * 3 + ["COMPLETE"] * 37)
    found = configurability(
        trials_from_frame(frame, score="accuracy", status="state", config=["lr", "optimizer"]), resamples=100
    )

    assert found.inputs["rows"] == 37
    assert any("3 runs have not ended" in caveat for caveat in found.caveats)


def test_a_misspelt_column_and_a_score_that_is_no_number_are_told_with_their_place():
    """Column, row and value stand in the message."""
    frame = pd.DataFrame({"lr": [1, 2], "acuracy": [0.1, "x"]})
    with pytest.raises(UnknownNameError, match="did you mean 'acuracy'"):
        trials_from_frame(frame, score="accuracy")
    with pytest.raises(DataError, match="row 3, column 'acuracy': 'x'"):
        trials_from_frame(frame, score="acuracy")


def test_an_optuna_storage_is_read(tmp_path, rng, capsys):
    """The command reads a study by its URL, failed trials included, and minimises where the study does."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    url = f"sqlite:///{tmp_path / 'study.db'}"
    study = optuna.create_study(storage=url, study_name="s", sampler=optuna.samplers.RandomSampler(seed=0))

    def objective(trial: optuna.Trial) -> float:
        x = trial.suggest_float("x", 0, 1)
        trial.suggest_categorical("kind", ["p", "q"])
        if x > 0.9:
            raise ValueError
        return (x - 0.5) ** 2 + 0.01 * rng.normal()

    study.optimize(objective, n_trials=40, catch=(ValueError,))

    assert run(["configurability", url, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["tables"]["importance"][0]["parameters"] == ["x"]
    assert document["tables"]["failures"][0]["failed"] == sum(t.state.name == "FAIL" for t in study.trials)


def test_a_ray_tune_folder_is_read(tmp_path, rng, capsys):
    """One folder a run, with params.json and result.json; a run without a result is a failure."""
    for i in range(20):
        folder = tmp_path / f"trial_{i}"
        folder.mkdir()
        (folder / "params.json").write_text(json.dumps({"lr": 10.0 ** -(i % 5), "depth": i % 2}))
        if i:
            line = {"accuracy": 0.1 * (i % 5) + 0.01 * rng.normal(), "time_total_s": 1.5}
            (folder / "result.json").write_text(json.dumps(line) + "\n")

    assert run(["configurability", str(tmp_path), "--score", "accuracy", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["tables"]["failures"][0]["failed"] == 1


def test_a_table_needs_its_column_of_scores(tmp_path, capsys):
    """Bad usage ends with status 2 and says what to add."""
    (tmp_path / "t.csv").write_text("lr,acc\n1,0.5\n")

    assert run(["configurability", str(tmp_path / "t.csv")]) == 2
    assert "--score" in capsys.readouterr().err
