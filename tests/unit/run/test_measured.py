"""What solving a group of trials costs: memory of every recipe, and energy where the study asks for it."""

import time

import numpy as np
import psutil
import pytest

from assay import Study
from assay.contracts import Adapted
from assay.run import measured
from assay.run.measured import run_measured
from assay.testing.adapters import feature_job

MEBIBYTE = 2**20


class Hungry:
    """Holds so many MiB for a moment, and gives results that were written down beforehand."""

    method = "hungry"
    defaults: dict = {}
    needs = "features"

    def __init__(self, *results, mebibytes=0):
        self.results, self.mebibytes = list(results), mebibytes

    def run(self, jobs):
        held = np.ones(self.mebibytes * MEBIBYTE, dtype=np.uint8)
        time.sleep(0.2)
        assert held.size == self.mebibytes * MEBIBYTE
        return self.results


class SixJoules:
    """A meter that always tells 6 joules."""

    def start(self):
        pass

    def stop(self):
        return 6.0

    def close(self):
        pass


def test_what_is_held_for_a_moment_is_in_the_peak():
    """The peak is bytes of this process: what it held before, and the 200 MiB that are gone by the end."""
    before = psutil.Process().memory_info().rss
    (found,) = run_measured(Hungry(Adapted(seconds=1.0), mebibytes=200), [feature_job()])

    assert before + 190 * MEBIBYTE < found.peak_bytes < before + 400 * MEBIBYTE
    assert psutil.Process().memory_info().rss < found.peak_bytes - 100 * MEBIBYTE
    assert found.joules is None


def test_what_a_recipe_measured_itself_stays_and_other_devices_stay_open():
    """A network's own peak is kept, and memory of this process says nothing of work on CUDA."""
    own, elsewhere = Adapted(peak_bytes=7, seconds=1.0), Adapted(chosen={"device": "cuda"}, seconds=1.0)
    found = run_measured(Hungry(own, elsewhere), [feature_job(), feature_job()])

    assert [result.peak_bytes for result in found] == [7, None]


def test_energy_is_shared_by_seconds_where_it_is_asked_for(monkeypatch):
    """6 joules over 1 and 2 seconds are 2 and 4; a job that failed has none; nothing is measured unasked."""
    monkeypatch.setattr(measured, "EnergyMeter", SixJoules)
    results = [Adapted(seconds=1.0), Adapted(seconds=2.0), Adapted(error=ValueError("no"))]
    jobs = [feature_job()] * 3

    assert [found.joules for found in run_measured(Hungry(*results), jobs, energy=True)] == [2.0, 4.0, None]
    assert [found.joules for found in run_measured(Hungry(*results), jobs)] == [None] * 3


def test_a_recipe_that_measures_energy_itself_is_not_measured_twice(monkeypatch):
    """Fine-tuning has a parameter for it, which the study's key sets."""

    class Measuring(Hungry):
        defaults = {"energy": False}

    monkeypatch.setattr(measured, "EnergyMeter", lambda: pytest.fail("a second meter was opened"))
    run_measured(Measuring(Adapted(seconds=1.0)), [feature_job()], energy=True)
    study = Study(models=["py:m:f"], data=["sklearn:digits"], recipes=["finetune", "probe"], energy=True)

    assert [recipe.params for recipe in study.spec.recipes] == [{"energy": True}, {}]


def test_a_study_that_asks_has_the_energy_of_a_solved_head(tmp_path):
    """Through codecarbon itself: joules stand in the ledger and in the table of adaptation, beside the peak."""
    pytest.importorskip("codecarbon")
    run = Study(
        models=["py:assay.testing.models:fake_images"], data=[{"uri": "sklearn:digits", "rows": 200}],
        recipes=["ridge"], baselines={"untrained": False, "raw": False}, energy=True,
    ).run(tmp_path / "run", quiet=True)  # fmt: skip
    (row,) = [row for row in run.folder.trials() if row.role == "model"]
    table = run.reusability().tables["adaptation"]

    assert row.joules >= 0
    assert row.peak_bytes > 10 * MEBIBYTE
    assert all(line["joules"].known and line["peak_bytes"] == row.peak_bytes for line in table)
