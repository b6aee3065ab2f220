"""Promises of the configurability lens, bad input among them."""

import json

import numpy as np
import pandas as pd
import pytest

from assay.assess.configurability import configurability, trials_from_frame
from assay.assess.configurability.defaults import Advice
from assay.assess.configurability.tunability import chosen_score
from assay.cli.app import run
from assay.errors import DataError, NothingToAssessError, UnknownNameError
from assay.ledger.readers.searches import open_storage
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
    study = optuna.create_study(
        storage=open_storage(url), study_name="s", sampler=optuna.samplers.RandomSampler(seed=0)
    )

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


def a_grid(rng, models=6, noise=0.002) -> pd.DataFrame:
    """Every model at every learning rate and length: lr 0.1 and 40 epochs are best for all, `m5` is the best model."""
    return pd.DataFrame([
        {"model": f"m{m}", "lr": lr, "epochs": epochs, "score": 0.6 + 0.05 * m - 0.1 * (lr != 0.1) + 0.001 * epochs
         + noise * rng.normal()}
        for m in range(models) for lr in (0.1, 0.01, 0.001) for epochs in (10, 20, 40)
    ]).sample(frac=1, random_state=0)  # fmt: skip


def test_a_search_says_when_it_could_have_stopped(rng):
    """The runs are replayed in order: share of runs and of the grid, the chance of a change, and what stopping lost."""
    found = configurability(trials_from_frame(a_grid(rng), score="score"), resamples=100, tolerance=0.02)
    rows = found.tables["stopping"]

    assert [row["share_of_grid"] for row in rows] == [row["share_of_runs"] for row in rows]
    assert rows[-1]["share_of_runs"] == 1
    assert rows[-1]["loss"] == 0
    assert any("of the runs" in finding.claim and "were enough" in finding.claim for finding in found.findings)
    assert rows[-1]["p_change"].value == found.estimate("p_change").value
    half = configurability(trials_from_frame(a_grid(rng).head(27), score="score"), resamples=100)
    assert half.tables["stopping"][-1]["share_of_grid"] == 0.5
    never = configurability(trials_from_frame(a_grid(rng), score="score"), resamples=100, stop_below=0.0)
    assert not any("were enough" in finding.claim for finding in never.findings)


def test_a_search_in_the_order_of_its_grid_is_not_called_finished(rng):
    """When the best model comes last, the first half is sure of itself and wrong, and that is said."""
    frame = a_grid(rng).sort_values(["model", "lr", "epochs"])
    found = configurability(trials_from_frame(frame, score="score"), resamples=100, tolerance=0.01)

    claims = " ".join(finding.claim for finding in found.findings)
    assert "were enough" not in claims
    assert "run a search in random order" in claims


def test_what_to_run_next_was_never_run_and_leads(rng):
    """With the best cell left out it is what to run next; with a complete grid there is nothing left."""
    whole = a_grid(rng)
    best = (whole["model"] == "m5") & (whole["lr"] == 0.1) & (whole["epochs"] == 40)
    found = configurability(trials_from_frame(whole[~best], score="score"), resamples=100)

    first = found.tables["next_runs"][0]
    assert first["configuration"] == "model=m5, lr=0.1, epochs=40"
    assert first["chance_to_lead"] > 0.5
    assert first["why"] == "may lead"
    assert configurability(trials_from_frame(whole, score="score"), resamples=100).tables["next_runs"] == []


def test_a_run_that_settles_the_settings_is_named_where_they_are_open():
    """Two settings tie; a run of the model whose gap is open is worth more than one of the model whose gap is known."""
    candidates = tuple((model, lr) for model in ("a", "b") for lr in (0.1, 0.01))
    noise = np.random.default_rng(0).normal(size=(400, 4)) * np.array([0.01, 0.01, 0.01, 1.0])
    known = np.array([5.0, 5.0, 3.0, 3.0]) + (noise - noise.mean(axis=0))
    none = np.zeros(4, dtype=bool)
    advice = Advice(names=("model", "lr"), candidates=candidates, groups=("all",), draws=(known,), run=(none,))

    settling = advice.settles(0)
    assert settling is not None
    assert int(settling.argmax()) == 3
    # Half of the open gap's standard deviation of 1 counts for the mean over two models: E max(0, Z / 2) = 0.2.
    assert settling[3] == pytest.approx(0.5 / np.sqrt(2 * np.pi), abs=0.03)
    assert list(advice.next(0, 2).values()) == ["may lead", "settles the settings for all"]
    assert list(advice.next(0, 2))[1] == 3
    assert set(advice.next(0, 9)) == {0, 1, 2, 3}


def test_settings_for_every_model_stand_beside_the_best_configuration(rng):
    """The default for every model leaves the model out."""
    found = configurability(trials_from_frame(a_grid(rng), score="score"), resamples=100)
    rows = {row["kind"]: row for row in found.tables["defaults"]}

    assert rows["default for every model"]["configuration"] == "lr=0.1, epochs=40"
    assert rows["default"]["configuration"] == "model=m5, lr=0.1, epochs=40"


def test_a_parameter_that_never_varies_and_one_that_was_tried_once_a_level_are_said(rng):
    """Neither is given a share of the variance."""
    frame = a_grid(rng).assign(batch=64, note=[f"n{i}" for i in range(54)])
    found = configurability(trials_from_frame(frame, score="score"), resamples=100)

    named = {name for row in found.tables["importance"] for name in row["parameters"]}
    assert named == {"model", "lr", "epochs"}
    assert found.inputs["fixed"] == {"batch": 64}
    assert any("note has 54 different values" in caveat for caveat in found.caveats)


def test_a_weights_and_biases_export_is_read(tmp_path, rng, capsys):
    """`config.` columns are the parameters, `State` tells failures and runs still at work."""
    rows = pd.DataFrame({
        "Name": [f"run-{i}" for i in range(30)], "State": ["finished"] * 27 + ["crashed", "running", "failed"],
        "config.lr": np.tile([0.1, 0.01, 0.001], 10), "config.wd": np.resize(np.repeat([0.0, 0.1, 0.2], 3), 30),
        "val_acc": 0.5 + 0.2 * (np.tile([0, 1, 2], 10) == 1) + 0.01 * rng.normal(size=30),
    })  # fmt: skip
    rows.loc[27:, "val_acc"] = np.nan
    rows.to_csv(tmp_path / "export.csv", index=False)

    assert run(["configurability", str(tmp_path / "export.csv"), "--score", "val_acc", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["tables"]["importance"][0]["parameters"] == ["lr"]
    assert document["tables"]["failures"][0]["failed"] == 2
    assert any("1 run has not ended" in caveat for caveat in document["caveats"])


def test_a_claimed_pair_is_drawn_as_a_surface_of_its_data(rng):
    """Two settings that matter together give one picture of means where they meet, the best cell framed."""
    frame = a_grid(rng)
    frame["score"] += 0.2 * ((frame["lr"] == 0.1) == (frame["epochs"] == 40))
    found = configurability(trials_from_frame(frame, score="score"), resamples=200)

    picture = next(figure for figure in found.figures if figure.name.startswith("surface"))
    assert {picture.x, picture.y} == {"lr", "epochs"}
    assert sum(row["configurations"] for row in picture.rows) == 54
    (best,) = picture.options["points"]
    assert {best["x"], best["y"]} == {"0.1", "40"}
