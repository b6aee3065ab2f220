"""Zero-shot: class names as prompts, read by the model's own text side, at budget 0 of a study."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from assay import Study
from assay.adapt.parameters import resolve
from assay.adapt.zeroshot import ZEROSHOT, class_vectors, side_of, words_of
from assay.errors import SpecError, UsageError
from assay.ledger.reuse import reuse_candidates
from assay.sources.data.draws import draw
from assay.sources.models import load_model
from assay.testing import fake_dataset, fake_images, fake_texts, tiny
from assay.testing.adapters import feature_job
from assay.testing.models import FakeDual, FakeTextSide
from assay.testing.tiny_duals import dual_encoder, plant

COLOURS = {"red": (220, 20, 20), "green": (20, 160, 20), "blue": (20, 20, 220)}
PROMPTS = [f"a photo of a {name}." for name in COLOURS]


@pytest.fixture(scope="module", params=[False, True], ids=["clip", "siglip"])
def dual(request, tmp_path_factory):
    """A tiny CLIP and a tiny SigLIP in their real formats, in which each colour's prompt points at its colour."""
    folder = dual_encoder(tmp_path_factory.mktemp("dual"), siglip=request.param)
    return plant(folder, PROMPTS, [Image.new("RGB", (40, 40), colour) for colour in COLOURS.values()])


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Folders of 12 noisy patches of each colour."""
    root, rng = tmp_path_factory.mktemp("photos"), np.random.default_rng(0)
    for name, colour in COLOURS.items():
        (root / name).mkdir()
        for k in range(12):
            noise = rng.integers(-4, 5, (40, 40, 3))
            Image.fromarray((np.array(colour) + noise).astype(np.uint8)).save(root / name / f"{k}.png")
    return root


def job(model, *, params=None, **changes):
    made = feature_job(method="zeroshot", params=resolve("zeroshot", params).params, **changes)
    return replace(made, model=model, train=made.train[:0], valid=made.valid[:0])


def test_a_planted_alignment_is_found_without_a_label(dual, photos, tmp_path):
    """Accuracy is 1 at budget 0, in one trial a draw, whatever seeds and budgets the study has; its twin has one too."""
    run = Study(
        models=[{"uri": f"hf:{dual}", "label": "dual"}], data=[{"uri": f"folder:{photos}", "label": "colours"}],
        recipes=["zeroshot", {"method": "probe", "C": 1.0}], draws=3, seeds=3, budgets=[2, 4, "all"],
        metrics=["accuracy"],
    ).run(tmp_path / "run", quiet=True)  # fmt: skip
    rows = [row for row in run.folder.trials() if row.method == "zeroshot"]
    mine = [row for row in rows if row.role == "model"]
    curve = {(row["model"], row["budget"]): row for row in run.reusability().tables["budget_curve"]}
    crossings = run.reusability().tables["crossings"]

    assert run.tally.failed == 0
    assert {(row.per_class, row.draw, row.seed) for row in mine} == {(0, 0, 0), (0, 1, 0), (0, 2, 0)}
    assert [row.scores["test"]["accuracy"] for row in mine] == [1.0, 1.0, 1.0]
    assert mine[0].provenance["chosen"]["templates"] == ["a photo of a {}."]
    assert {row.role for row in rows} == {"model", "twin"}
    assert curve["dual (zeroshot)", 0]["score"].value == 1.0
    assert curve["dual (zeroshot)", 0]["gain"].known
    assert "no labels" in curve["dual (zeroshot)", 0]["labels_saved"].reason
    assert ("dual (probe)", 0) not in curve
    assert len(crossings) == 1
    assert {row["model"] for row in run.selection()[0].tables["ranking"]} == {"dual (zeroshot)", "dual (probe)"}
    assert {record["rows"] for record in run.folder.ledger.get("features").values()} == {36}
    assert len(run.assess()) >= 2


def test_probabilities_are_those_of_the_library(dual):
    """Softmax of the whole model's own logits for the same images and prompts."""
    import transformers

    model = load_model(f"hf:{dual}")
    rng = np.random.default_rng(1)
    images = [Image.fromarray(rng.integers(0, 255, (40, 40, 3), dtype=np.uint8)) for _ in range(5)]
    side = side_of(model)
    vectors = side.project(model.encode(model.collate(images)))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    ours = side.scale * vectors @ class_vectors(side, list(COLOURS), ["a photo of a {}."]).T

    full = transformers.AutoModel.from_pretrained(dual).eval()
    siglip = full.config.model_type == "siglip"
    coded = transformers.AutoTokenizer.from_pretrained(dual)(
        PROMPTS, padding="max_length" if siglip else True, truncation=True, max_length=16, return_tensors="pt"
    )
    taken = ["input_ids"] if siglip else ["input_ids", "attention_mask"]
    pixels = torch.from_numpy(model.collate(images)["pixels"])
    with torch.inference_mode():
        logits = full(pixel_values=pixels, **{name: coded[name] for name in taken}).logits_per_image
        logits -= full.logit_bias if siglip else 0.0
    np.testing.assert_allclose(ours, logits.numpy(), atol=2e-4)


def test_other_features_than_those_compared_with_texts_are_refused(dual):
    """Another pooling or layer gives no text side, and the reason says so."""
    for option in ("pooling=mean", "layer=1"):
        with pytest.raises(UsageError, match=r"not those that it compares with texts; leave out pooling and layer"):
            side_of(load_model(f"hf:{dual}?{option}"))


def test_a_model_without_a_text_side_is_a_row_with_the_reason(photos, tmp_path):
    """The study goes on: the probe's trials succeed, and zero-shot's say what they need."""
    run = Study(
        models=["py:assay.testing.models:fake_images"], data=[f"folder:{photos}"], recipes=["zeroshot", "ridge"],
        baselines={"untrained": False},
    ).run(tmp_path / "run", quiet=True)  # fmt: skip
    status = {(row.method, row.role): row for row in run.folder.trials()}

    assert status["ridge", "model"].status == "ok"
    assert status["zeroshot", "model"].status == "failed"
    assert "has no text side" in status["zeroshot", "model"].error
    assert "zero-shot needs a model of images and texts" in status["zeroshot", "model"].error
    assert ("zeroshot", "raw") not in status


def test_a_model_of_texts_reads_names_as_it_reads_items(tmp_path):
    """Texts that are the class names themselves are found, by sources st: and hf: alike."""
    words = ("music", "actor", "winter")
    path = tmp_path / "texts.csv"
    path.write_text("text,label\n" + "".join(f"{word}{' ' * k},{word}\n" for word in words for k in range(8)))
    uris = [f"st:{tiny.sentence_encoder(tmp_path / 'st')}", f"hf:{tiny.text_encoder(tmp_path / 'hf')}"]
    run = Study(
        models=[{"uri": uri, "label": uri[:2]} for uri in uris],
        data=[f"csv:{path}?text=text&label=label"],
        recipes=["zeroshot"], metrics=["accuracy"], baselines={"untrained": False, "raw": False},
    ).run(tmp_path / "run", quiet=True)  # fmt: skip
    rows = [row for row in run.folder.trials() if row.role == "model"]

    assert [row.error for row in rows] == [None, None]
    assert [row.scores["test"]["accuracy"] for row in rows] == [1.0, 1.0]


def test_names_without_a_word_need_words_from_the_study():
    """Digits say nothing; `class_names` gives words for them, and underscores become spaces."""
    with pytest.raises(UsageError, match=r"2 of 3 hold no word: 0, 1.1; give words.*class_names: \{'0'"):
        words_of(["0", "1.1", "ash"], None)
    assert words_of(["0", "a_b"], {"0": "zero"}) == ("zero", "a b")

    side = FakeTextSide(["zero", "one", "two"], 6)
    named = {"ash": "zero", "birch": "one", "cedar": "two"}
    (found,) = ZEROSHOT.run([job(FakeDual(side), params={"class_names": named})])
    assert found.error is None
    assert found.chosen["class_names"] == ["zero", "one", "two"]
    assert side.texts == ["a photo of a zero.", "a photo of a one.", "a photo of a two."]


def test_jobs_that_share_names_read_them_once():
    """Five jobs of other draws and seeds read three names in two prompts once, and share the seconds."""
    side = FakeTextSide(["ash", "birch", "cedar"], 6)
    params = {"templates": ["a {}", "the {}"]}
    found = ZEROSHOT.run([job(FakeDual(side), params=params, draw=k % 2, seed=k) for k in range(5)])

    assert len(side.texts) == 6
    assert len({result.seconds for result in found}) == 1
    for result in found[1:]:
        np.testing.assert_array_equal(result.parts["test"].score, found[0].parts["test"].score)


def test_prompts_are_averaged_at_length_one_and_brought_to_length_one_again():
    """By hand: (1, 0) and (0, 5) of one class give (1, 1) / √2, not the direction of their plain mean."""

    class Two(FakeTextSide):
        def encode(self, texts):
            return np.array([[1.0, 0.0] if text.startswith("a") else [0.0, 5.0] for text in texts], dtype=np.float32)

    found = class_vectors(Two([], 2), ["x"], ["a {}", "the {}"])
    np.testing.assert_allclose(found, [[0.5**0.5, 0.5**0.5]])


def test_the_temperature_is_the_models_own_unless_named():
    """The fake states a scale of 10; a model of texts states none and gets 20; a named one divides the cosines."""
    dual, texts = FakeDual(FakeTextSide(["ash", "birch", "cedar"], 6)), fake_texts()

    (own,) = ZEROSHOT.run([job(dual)])
    (named,) = ZEROSHOT.run([job(dual, params={"temperature": 0.5})])
    (plain,) = ZEROSHOT.run([job(texts, d=8)])
    assert [found.chosen["temperature"] for found in (own, named, plain)] == [0.1, 0.5, 0.05]
    logs = [np.log(found.parts["test"].score) for found in (own, named)]
    gaps = [log[:, 0] - log[:, 1] for log in logs]
    np.testing.assert_allclose(gaps[0], 5.0 * gaps[1], atol=1e-9)


def test_wrong_parameters_are_told_before_anything_runs():
    """A template without a place for the name, a list of names where a table is needed, a search, a budget of 0."""
    with pytest.raises(SpecError, match=r"must be a text that holds \{\}"):
        resolve("zeroshot", {"templates": ["a photo"]})
    with pytest.raises(SpecError, match=r"must be a table such as"):
        resolve("zeroshot", {"class_names": ["zero", "one"]})
    keys = {"models": ["py:m:f"], "data": ["sklearn:digits"]}
    with pytest.raises(SpecError, match=r"zeroshot learns from no labels, and a search chooses"):
        Study(**keys, recipes=["zeroshot"], search={"trials": 3})
    with pytest.raises(SpecError, match=r"budgets count from 1"):
        Study(**keys, budgets=[0, 5])


def test_a_budget_of_nothing_keeps_the_test_rows_of_the_draw():
    """Rows to test on are the same at every budget, none to learn from or choose on at 0."""
    data = fake_dataset(60)
    none, some = (draw(data, scheme="stratified", draw=2, seed=0, per_class=k) for k in (0, 5))

    assert len(none.train) == len(none.valid) == 0
    np.testing.assert_array_equal(none.test, some.test)


def test_a_job_without_a_model_says_what_is_missing():
    """A plugin that calls the recipe without the model gets an error in each result."""
    found = ZEROSHOT.run([job(None), job(None)])
    assert ["brings no model" in str(result.error) for result in found] == [True, True]
    with pytest.raises(UsageError, match="it reads image only"):
        side_of(fake_images())


def test_trained_parameters_of_zero_shot_are_none_at_all(photos, dual, tmp_path):
    """Complexity says 0 trained, and an adaptation that has no validation rows claims no moment."""
    run = Study(
        models=[f"hf:{dual}"], data=[f"folder:{photos}"], recipes=["zeroshot"], baselines={"untrained": False}
    ).run(tmp_path / "run", quiet=True)  # fmt: skip
    (candidate,), _ = reuse_candidates(run.folder, level=0.95, rng_seed=0)

    assert candidate.complexity.trained_parameters == 0
    assert candidate.trainings == []
    assert candidate.performance.value == 1.0
