"""A whole study under SIGKILL, beside a second process, and on a full disk: nothing lost, nothing done twice."""

import errno
import signal
import time

import numpy as np
import pytest
from killable_study import features_of, ok_since, predictions_of, run_study, scores_of, start, the_study

from assay.errors import StoreError
from assay.store import paths


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The run folder of a study that nothing disturbed, and the seconds it took."""
    path = tmp_path_factory.mktemp("undisturbed") / "run"
    the_study()
    begin = time.perf_counter()
    run_study(path)
    return path, time.perf_counter() - begin


def assert_equal_results(path, wanted):
    """Features to the last bit, scores and probabilities to 1e-6."""
    assert features_of(path) == features_of(wanted)
    scores, predictions = scores_of(path), predictions_of(path)
    for key, parts in scores_of(wanted).items():
        assert scores[key].keys() == parts.keys()
        for part, values in parts.items():
            assert scores[key][part] == pytest.approx(values, abs=1e-6)
    for key, found in predictions_of(wanted).items():
        assert predictions[key].ids.tolist() == found.ids.tolist()
        assert predictions[key].labels().tolist() == found.labels().tolist()
        if found.score is not None:
            np.testing.assert_allclose(predictions[key].score, found.score, atol=1e-6)


@pytest.mark.parametrize("kills", [3, pytest.param(20, marks=pytest.mark.slow)])
def test_a_study_killed_at_random_moments_and_resumed_equals_an_undisturbed_one(tmp_path, undisturbed, rng, kills):
    """SIGKILL at any moment: no trial that was done is done again, and the results are those of a quiet run."""
    wanted, seconds = undisturbed
    landed, rounds, done, trials = 0, 0, {}, len(ok_since(wanted))
    while landed < kills:
        path = tmp_path / f"run-{rounds}"
        process = start(path, killed_after=rng.uniform(0, seconds * (1 - len(done) / trials)))
        process.join(120)
        assert process.exitcode in (0, -signal.SIGKILL)
        now = ok_since(path) if (path / "run.json").exists() else {}
        assert now.items() >= done.items()
        done = now
        landed += process.exitcode != 0
        if process.exitcode == 0:  # it was quicker than its killer: go on with a new one
            assert_equal_results(path, wanted)
            rounds, done = rounds + 1, {}
    run_study(path)

    assert ok_since(path).items() >= done.items()
    assert_equal_results(path, wanted)


def test_two_processes_share_a_run_folder(tmp_path, undisturbed):
    """Started at once on a new folder both finish; no item is stored twice, and no trial is done twice."""
    processes = [start(tmp_path / "run") for _ in range(2)]
    for process in processes:
        process.join(120)
        assert process.exitcode == 0

    assert_equal_results(tmp_path / "run", undisturbed[0])


def test_a_disk_that_fills_ends_the_study_with_a_clear_error_and_it_resumes(tmp_path, undisturbed, monkeypatch):
    """ENOSPC at the first, a middle and a late file: the error says so, and the same call finishes the study."""
    real = paths._sync
    for failing in (0, 7, 30):
        count = iter(range(10_000))

        def sync(path, failing=failing, count=count):
            if next(count) >= failing:
                raise OSError(errno.ENOSPC, "No space left on device")
            real(path)

        monkeypatch.setattr(paths, "_sync", sync)
        with pytest.raises(StoreError, match="disk is full.*the same command resumes") as caught:
            run_study(tmp_path / f"run-{failing}")
        assert caught.value.exit_status == 5
        monkeypatch.setattr(paths, "_sync", real)
        run_study(tmp_path / f"run-{failing}")
        assert_equal_results(tmp_path / f"run-{failing}", undisturbed[0])
