"""`assay durability`: options, output, gates and state."""

import json

import numpy as np
import pandas as pd
import pytest

from assay.cli.app import run


@pytest.fixture
def table(tmp_path):
    rng = np.random.default_rng(0)
    n = 1200
    truth = rng.integers(0, 2, n)
    wrong = rng.random(n) < np.linspace(0.05, 0.35, n)
    frame = pd.DataFrame({
        "when": pd.date_range("2016-01-01", periods=n, freq="6h").strftime("%Y-%m-%dT%H:%M:%SZ"), "truth": truth,
        "said": np.where(wrong, 1 - truth, truth), "a": rng.standard_normal(n), "b": truth + rng.standard_normal(n),
    })  # fmt: skip
    path = tmp_path / "log.csv"
    frame.to_csv(path, index=False)
    return path


def durability(path, *options):
    return run(["durability", str(path), "--time", "when", "--target", "truth", "--prediction", "said",
                "--window", "month", *options])  # fmt: skip


def test_json_is_one_document_on_standard_output(table, capsys):
    """`--json` prints the document and nothing else."""
    assert durability(table, "--json", "--features", "a,b", "--floor", "0.8", "--direction", "y-x") == 0
    document = json.loads(capsys.readouterr().out)

    assert document["schema"] == "assay/durability/1"
    assert document["inputs"]["rows"] == 1200
    assert document["tables"]["regret"]


def test_words_come_without_json(table, capsys):
    """Without `--json` the verdict and the tables are printed for people."""
    assert durability(table) == 0
    out = capsys.readouterr().out

    assert "became worse" in out
    assert "causes" in out


def test_features_may_come_from_a_file(table, tmp_path, capsys):
    """A .npy file with the rows of the log serves as features."""
    np.save(tmp_path / "x.npy", np.random.default_rng(0).standard_normal((1200, 3)))

    assert durability(table, "--json", "--features", str(tmp_path / "x.npy")) == 0
    assert json.loads(capsys.readouterr().out)["tables"]["triangle"]


def test_a_gate_ends_with_status_one(table, capsys):
    """`--fail-if` on the drop ends with 1 where it holds and 0 where it does not."""
    assert durability(table, "--json", "--fail-if", "drop > 3 points") == 1
    assert durability(table, "--json", "--fail-if", "drop > 60 points") == 0


def test_watching_keeps_its_state_between_calls(table, capsys):
    """The second call counts only what is new, and the gate is judged after the state was written."""
    state = table.with_name("log.csv.watch.json")

    assert durability(table, "--watch", "--json", "--fail-if", "drop > 3 points") == 1
    first = json.loads(capsys.readouterr().out)
    assert state.exists()
    assert durability(table, "--watch", "--json", "--fail-if", "drop > 50 points") == 0
    second = json.loads(capsys.readouterr().out)

    assert "0 of them new" in second["verdict"]
    assert second["estimates"][0] == first["estimates"][0]


@pytest.mark.parametrize(("options", "says"), [
    (["--metric", "acuracy"], "did you mean 'accuracy'"),
    (["--window", "fortnight"], "14d"),
    (["--features", "c"], "unknown column 'c'"),
    (["--origin", "2031"], "no row lies at or after"),
])  # fmt: skip
def test_bad_usage_ends_with_status_two(table, capsys, options, says):
    """A wrong option ends with 2 and says what would have worked."""
    assert durability(table, *options) == 2
    assert says in capsys.readouterr().err


def test_columns_must_be_named(table, capsys):
    """Without the time and target columns the command says so."""
    assert run(["durability", str(table), "--prediction", "said"]) == 2
    assert "--time COL and --target COL" in capsys.readouterr().err
