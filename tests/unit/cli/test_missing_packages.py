"""What a person is told whose installation or cache lacks something."""

import sys

from assay.cli.app import run
from assay.run.doctor import extra_of


def a_study(folder):
    study = folder / "study.yaml"
    study.write_text("models: [torchvision:resnet18]\ndata: [sklearn:digits]\n")
    return ["run", str(study), "--run", str(folder / "run"), "--offline"]


def test_a_missing_package_is_told_with_the_extra_that_brings_it(tmp_path, monkeypatch, capsys):
    """A package that is not installed ends with status 5 and the command that installs it, not with a traceback."""
    for name in [name for name in sys.modules if name == "PIL" or name.startswith("PIL.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "PIL", None)

    assert run(a_study(tmp_path)) == 5
    assert "pip install 'assay[torch]'" in capsys.readouterr().err
    assert extra_of("torchvision.models") == "vision"
    assert extra_of("assay.nothing") is None


def test_a_study_whose_models_cannot_be_had_stops_before_any_trial(tmp_path, monkeypatch, capsys):
    """Offline without a cache, the twin is not trained for nothing: the error says what to put where."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "cache"))

    assert run(a_study(tmp_path)) == 5
    told = capsys.readouterr().err
    assert "put the file there" in told
    assert "trials run" not in told
