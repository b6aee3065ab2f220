"""What a person is told whose installation lacks a package."""

import sys

import pytest

from assay.cli.app import run


@pytest.mark.parametrize(("module", "extra"), [("PIL", "torch"), ("torchvision", "vision")])
def test_a_missing_package_is_told_with_the_extra_that_brings_it(module, extra, tmp_path, monkeypatch, capsys):
    """A package that is not installed ends with status 5 and the command that installs it, not with a traceback."""
    study = tmp_path / "study.yaml"
    study.write_text("models: [torchvision:resnet18]\ndata: [sklearn:digits]\n")
    for name in [name for name in sys.modules if name == module or name.startswith(f"{module}.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)

    assert run(["run", str(study), "--run", str(tmp_path / "run"), "--offline"]) == 5
    assert f"pip install 'assay[{extra}]'" in capsys.readouterr().err
