"""Models of a study keep the revision that the run folder pinned."""

from assay.ledger import Ledger
from assay.run.models import StudyModel, resolve_models
from assay.spec import ModelRef
from assay.testing import tiny


def test_a_resumed_run_loads_the_commit_that_it_began_with(tmp_path, monkeypatch):
    """When the hub's main branch moves on between two runs, the second still loads the pinned commit."""
    from huggingface_hub import constants

    first, newer = "0123456789abcdef0123456789abcdef01234567", "f" * 40
    entry = tmp_path / "hub" / "models--org--tiny"
    tiny.text_encoder(entry / "snapshots" / first)
    (entry / "refs").mkdir()
    (entry / "refs" / "main").write_text(first)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    ledger = Ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}", tmp_path / "predictions")

    def resolved():
        model = StudyModel(ref=ModelRef.parse("hf:org/tiny"), label="tiny", offline=True)
        resolve_models([model], ledger)
        return model

    assert resolved().ref.revision == first
    tiny.text_encoder(entry / "snapshots" / newer, seed=1)
    (entry / "refs" / "main").write_text(newer)
    again = resolved()

    assert again.ref.revision == first
    assert again.load().ref.revision == first
