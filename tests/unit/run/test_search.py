"""Spaces and searches: what a space holds, what Optuna is told, what a second call does, how often things repeat."""

import numpy as np
import optuna
import pytest

from assay import Study
from assay.config.reading import load_study
from assay.errors import SpecError, UnknownNameError, UsageError
from assay.ledger.readers.searches import open_storage, read_optuna
from assay.ledger.searches import trials_of_run
from assay.run.search.repeats import contenders, needed_repeats, pooled_spread
from assay.space import Axis, RepeatSpec, complete_grid

FAKE = "py:assay.testing.models:fake_images"
DIGITS = {"uri": "sklearn:digits", "label": "digits", "rows": 200}
OFF = {"majority": False, "raw": False, "untrained": False}
SPACE = {
    "optimizer": ["sgd", "lbfgs"],
    "lr": {"low": 0.01, "high": 10.0, "log": True, "points": 2, "when": {"optimizer": "sgd"}},
    "momentum": {"choices": [0.0, 0.9], "when": {"optimizer": ["sgd"]}},
}


def a_study(space=None, *, search=None, models=None, **keys) -> Study:
    recipe = {"method": "head", "epochs": 3, "space": space or SPACE}
    return Study(
        models=models or [{"uri": FAKE, "label": "fake"}], data=[DIGITS], recipes=[recipe], baselines=OFF,
        metrics=["accuracy"], search=search, **keys,
    )  # fmt: skip


def stored(run):
    storage = open_storage(f"sqlite:///{run.path}/optuna.sqlite")
    (study,) = optuna.get_all_study_summaries(storage)
    return optuna.load_study(study_name=study.study_name, storage=storage)


def test_a_complete_grid_leaves_out_what_a_condition_leaves_out():
    """Learning rate and momentum exist for sgd only: 2 × 2 and 1 configurations; a count is a whole number."""
    axes = load_study({"models": [FAKE], "data": ["sklearn:digits"], "recipes": [{"method": "head", "space": SPACE}]})
    found = complete_grid(axes.recipes[0].space)

    assert len(found) == 5
    assert {"optimizer": "lbfgs"} in found
    assert {"optimizer": "sgd", "lr": 10.0, "momentum": 0.9} in found
    whole = complete_grid({"batch_size": Axis(low=16, high=128, log=True, points=4)}, ["batch_size"])
    assert [point["batch_size"] for point in whole] == [16, 32, 64, 128]


def test_a_space_without_a_search_is_expanded_whole(tmp_path):
    """Every configuration is a trial, and no Optuna storage is written."""
    run = a_study().run(tmp_path / "run", quiet=True)

    assert len(run.folder.trials()) == 5
    assert not run.folder.paths.searches.exists()


@pytest.mark.parametrize(
    ("space", "words"),
    [
        ({"lr": {"low": 0.1, "high": 0.01}}, "low must be below high"),
        ({"lr": {"low": 0.0, "high": 1.0, "log": True}}, "above zero"),
        ({"lr": {"high": 1.0}}, "either choices, or low and high"),
        ({"momentum": {"choices": [0.9], "when": {"optimizer": "sgd"}}}, "no earlier axis"),
        ({"optimizer": ["sgd", "sdg"]}, "optimizer: must be one of"),
        ({"learning_rate": [0.1]}, "learning_rate"),
        ({"lr": {"low": 0.01, "high": 1.0}}, "needs points"),
    ],
)
def test_faults_of_a_space_are_named_with_their_place(space, words):
    """Wrong ranges, conditions, values and names are told before anything runs."""
    with pytest.raises(SpecError) as told:
        a_study(space)

    assert words in str(told.value)
    assert "recipes[0]" in str(told.value)


def test_a_searched_study_writes_a_storage_that_optuna_and_the_lens_read(tmp_path):
    """Each Optuna trial has the mean validation score of its ledger rows."""
    run = a_study(search={"sampler": "qmc", "trials": 6}, seeds=2).run(tmp_path / "run", quiet=True)
    rows = {row.key: row for row in run.folder.trials()}

    found = stored(run)

    assert [trial.state.name for trial in found.trials] == ["COMPLETE"] * 6
    for trial in found.trials:
        mine = [rows[key] for key in trial.user_attrs["trials"]]
        assert len(mine) == 2
        assert trial.value == pytest.approx(np.mean([row.scores["valid"]["accuracy"] for row in mine]))
        assert mine[0].params["optimizer"] == trial.params["optimizer"]
    table, lower = read_optuna(f"sqlite:///{run.path}/optuna.sqlite")
    assert len(table) == 6
    assert not lower


@pytest.mark.parametrize("sampler", ["grid", "random", "tpe"])
def test_the_same_search_again_runs_nothing_and_a_longer_one_goes_on(tmp_path, sampler):
    """Finished configurations are taken from the storage and the ledger; more trials add to them."""
    first = a_study(search={"sampler": sampler, "trials": 4}).run(tmp_path / "run", quiet=True)
    again = a_study(search={"sampler": sampler, "trials": 4}).run(tmp_path / "run", quiet=True)

    assert first.tally.done > 0
    assert again.tally.done == 0
    assert len(stored(again).trials) == (5 if sampler == "grid" else 4)
    more = a_study(search={"sampler": sampler, "trials": 6}).run(tmp_path / "run", quiet=True)
    assert len(stored(more).trials) == (5 if sampler == "grid" else 6)


def test_a_search_that_was_cut_off_finishes_what_it_had_begun(tmp_path):
    """A configuration that Optuna has as running is run and told; its number stays."""
    run = a_study(search={"sampler": "random", "trials": 2}).run(tmp_path / "run", quiet=True)
    cut = stored(run).ask()

    again = a_study(search={"sampler": "random", "trials": 3}).run(tmp_path / "run", quiet=True)

    states = [trial.state.name for trial in stored(again).trials]
    assert states == ["COMPLETE"] * 3
    assert cut.number == 2


def test_a_configuration_that_diverges_is_told_as_failed_with_its_reason(tmp_path):
    """Its ledger row has the error; the others are scored."""
    space = {"lr": {"choices": [0.01, 1e38]}}
    run = a_study(space, search={"sampler": "grid"}).run(tmp_path / "run", quiet=True)

    fine, lost = stored(run).trials

    assert (fine.state.name, lost.state.name) == ("COMPLETE", "FAIL")
    assert "diverged" in lost.user_attrs["failed"]
    assert sorted(row.status for row in run.folder.trials()) == ["failed", "ok"]


def test_a_pruner_of_optuna_ends_heads_within_their_batch(tmp_path):
    """With a threshold that no head reaches each stops after its first epoch, as pruned; its row says skipped."""
    search = {"sampler": "random", "trials": 3, "pruner": {"name": "threshold", "lower": 1.1}}
    run = a_study(search=search, seeds=3).run(tmp_path / "run", quiet=True)

    assert [trial.state.name for trial in stored(run).trials] == ["PRUNED"] * 3
    assert [list(trial.intermediate_values) for trial in stored(run).trials] == [[1]] * 3
    assert {(row.seed, row.status) for row in run.folder.trials()} == {(0, "skipped")}
    assert all("pruned after epoch 1" in row.error for row in run.folder.trials())
    assert a_study(search=search, seeds=3).run(tmp_path / "run", quiet=True).tally.done == 0


def test_a_pruner_sees_the_repeats_of_a_recipe_without_epochs(tmp_path):
    """A probe reports after each repeat, and what is left of a pruned one is not run."""
    recipe = {"method": "probe", "space": {"C": {"choices": [0.01, 1.0]}}}
    search = {"sampler": "grid", "pruner": {"name": "threshold", "lower": 1.1}}
    study = Study(models=[FAKE], data=[DIGITS], recipes=[recipe], baselines=OFF, metrics=["accuracy"], seeds=3,
                  search=search)  # fmt: skip
    run = study.run(tmp_path / "run", quiet=True)

    assert [trial.state.name for trial in stored(run).trials] == ["PRUNED"] * 2
    assert {(row.seed, row.status) for row in run.folder.trials()} == {(0, "ok")}


def test_repeats_go_to_the_configurations_in_question(tmp_path):
    """Two repeats each, and more only for those that may be the best; what was found is kept with the study."""
    space = {"lr": {"choices": [1e-6, 0.5, 1.0]}}
    search = {"sampler": "grid", "repeats": {"least": 2, "tolerance": 0.001}}
    run = a_study(space, search=search, seeds=6).run(tmp_path / "run", quiet=True)

    counts = {lr: sum(row.params["lr"] == lr for row in run.folder.trials()) for lr in (1e-6, 0.5, 1.0)}

    assert counts[1e-6] < counts[0.5] or counts[1e-6] < counts[1.0]
    assert stored(run).user_attrs["repeats"]["wanted"] == 6


def test_needed_repeats_follow_the_formula():
    """2 (z s / δ)² rounded up, within bounds; the least where the spread is unknown."""
    spec = RepeatSpec(least=2, tolerance=0.01)

    assert needed_repeats(0.01, spec, 100) == 8
    assert needed_repeats(0.01, spec, 5) == 5
    assert needed_repeats(0.0001, spec, 100) == 2
    assert needed_repeats(float("nan"), spec, 100) == 2
    assert pooled_spread([[0.0, 2.0], [5.0, 5.0], [1.0]]) == (pytest.approx(1.0), 2)


def test_the_best_is_a_contender_as_often_as_the_level_says():
    """Of two equal configurations with 4 repeats each, both stay in at least 93 % of 2,000 draws at level .95."""
    rng = np.random.default_rng(0)
    both = [len(contenders({0: rng.normal(size=4), 1: rng.normal(size=4)}, 0.95)) == 2 for _ in range(2000)]

    assert np.mean(both) >= 0.93
    assert np.mean(both) <= 0.97


@pytest.mark.parametrize(
    ("search", "kind", "words"),
    [
        ({"sampler": "tree"}, UnknownNameError, "tree"),
        ({"sampler": {"name": "tpe", "startup": 3}}, UsageError, "n_startup_trials"),
        ({"repeats": {}}, UsageError, "seeds"),
    ],
)
def test_what_a_search_cannot_do_is_said(tmp_path, search, kind, words):
    """Unknown samplers and options are named with what would have worked."""
    with pytest.raises(kind, match=words):
        a_study(search=search).run(tmp_path / "run", quiet=True)


def test_a_search_needs_validation_rows(tmp_path):
    """A configuration is never chosen on test rows."""
    with pytest.raises(UsageError, match="validation rows"):
        a_study(search={}, split={"valid": 0.0}).run(tmp_path / "run", quiet=True)


def test_another_space_in_the_same_storage_is_refused(tmp_path):
    """Choices that differ from those stored end in an error that says what to do."""
    a_study({"lr": [0.1, 1.0]}, search={"sampler": "random", "trials": 2}).run(tmp_path / "run", quiet=True)

    with pytest.raises(UsageError, match="another space"):
        a_study({"lr": [0.1, 2.0]}, search={"sampler": "random", "trials": 4}).run(tmp_path / "run", quiet=True)


def test_heads_that_were_halved_away_are_no_failures_and_no_scores(tmp_path):
    """The lens leaves them out with a note, as it does Optuna's pruned trials."""
    space = {"lr": {"choices": [1e-4, 1e-3, 1e-2, 1e-1]}, "halving": [2]}
    run = a_study(space).run(tmp_path / "run", quiet=True)

    trials = trials_of_run(run.folder)

    assert trials.running == 3
    assert len(trials.scores) == 1
    assert not any(trials.failures)
