"""Many heads as one: each as torch trains it and as it is alone, whatever befalls its neighbours."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from assay.adapt.head import HEAD
from assay.adapt.heads.rows import BatchOrder, first_weights
from assay.adapt.linear import measure_scale
from assay.builtin import ADAPTERS
from assay.errors import DivergedError, PrunedError, UsageError
from assay.testing.adapters import feature_job, network_job

QUICK = {"epochs": 6, "batch_size": 16, "lr": 0.05}


def job(kind="multiclass", *, seed=0, draw=0, **params):
    filled = {**HEAD.defaults, **QUICK, **params}
    return feature_job(kind, method="head", params=filled, seed=seed, draw=draw, n=150, d=20, signal=1.5)


def plain(one):
    """The same head by a plain loop in torch, in float64, on the same batches: (n, c) outputs for the test rows."""
    params, spec, rows = one.spec.recipe.params, one.spec, np.sort(one.train)
    scale = measure_scale(one.features, rows, "global")
    z, test = (torch.from_numpy(scale.apply(one.features[part])) for part in (rows, one.test))
    y = torch.from_numpy(np.asarray(one.targets)[rows])
    width = max(len(one.task.classes), 1)
    center, spread = (y.mean(), y.std(correction=0)) if one.task.kind == "regression" else (0.0, 1.0)
    start = torch.from_numpy(first_weights(spec.seed, spec.draw, width, z.shape[1]))
    model = torch.nn.Linear(z.shape[1], width, dtype=torch.float64)
    with torch.no_grad():
        model.weight.copy_(start[:, :-1])
        model.bias.copy_(start[:, -1])
    steps = {"lr": params["lr"], "weight_decay": params["weight_decay"]}
    if params["optimizer"] == "sgd":
        optimizer = torch.optim.SGD(
            model.parameters(), **steps, momentum=params["momentum"], nesterov=params["nesterov"]
        )
    else:
        kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[params["optimizer"]]
        optimizer = kind(model.parameters(), **steps)
    order = BatchOrder(seed=spec.seed, draw=spec.draw, n=len(z), batch_size=params["batch_size"], dropout=0, mixup=0)
    counts = torch.bincount(y.long()) if one.task.kind in ("multiclass", "binary") else None
    weight = None if params["class_weight"] == "none" else len(y) / (width * counts.double())
    for epoch in range(params["epochs"]):
        for batch in order.epoch(epoch, z, z.shape[1]):
            said, wanted = model(z[batch.rows]), y[batch.rows]
            if one.task.kind == "regression":
                loss = torch.nn.functional.mse_loss(said[:, 0], (wanted - center) / spread)
            elif one.task.kind == "multilabel":
                loss = torch.nn.functional.binary_cross_entropy_with_logits(said, wanted.double())
            else:
                loss = torch.nn.functional.cross_entropy(
                    said, wanted, weight, label_smoothing=params["label_smoothing"]
                )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return (model(test) * spread + center).detach().numpy()


def check_same(result, one):
    assert result.error is None, result.error
    wanted, got = plain(one), result.parts["test"]
    if one.task.kind == "regression":
        np.testing.assert_allclose(got.label, wanted[:, 0], atol=1e-4)
    elif one.task.kind == "multilabel":
        np.testing.assert_allclose(got.score, 1 / (1 + np.exp(-wanted)), atol=1e-4)
    else:
        np.testing.assert_allclose(got.score, np.exp(wanted) / np.exp(wanted).sum(axis=1, keepdims=True), atol=1e-4)


@pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel", "regression"])
@pytest.mark.parametrize(
    "params",
    [
        {"momentum": 0.9}, {"momentum": 0.5, "nesterov": True, "weight_decay": 0.01}, {"optimizer": "adam", "weight_decay": 0.1},
        {"optimizer": "adamw", "weight_decay": 0.1},
    ],
)  # fmt: skip
def test_a_head_is_what_torch_makes_of_the_same_batches(kind, params):
    """Probabilities agree with torch.nn and torch.optim to 1e-4, for every kind of task and optimizer."""
    one = job(kind, **params)
    check_same(HEAD.run([one])[0], one)


@pytest.mark.parametrize("params", [{"label_smoothing": 0.2}, {"class_weight": "balanced"}])
def test_losses_are_torchs(params):
    """Label smoothing and balanced class weights mean what they mean in torch.nn.functional.cross_entropy."""
    one = job(**params)
    check_same(HEAD.run([one])[0], one)


def test_configurations_of_all_sorts_give_together_what_they_give_alone():
    """192 heads of four optimizers, with dropout, mix-up, schedules, seeds and draws, each as alone to 1e-5."""
    grid = [
        {"lr": lr, "optimizer": optimizer, **more}
        for lr in (0.003, 0.03, 0.3)
        for optimizer in ("sgd", "adam", "adamw", "lbfgs")
        for more in (
            {}, {"weight_decay": 0.01, "epochs": 3}, {"schedule": "cosine", "warmup": 0.2}, {"label_smoothing": 0.1},
            *([] if optimizer == "lbfgs" else [{"dropout": 0.3}, {"mixup": 0.4, "batch_size": 50}]),
        )
    ]  # fmt: skip
    first = job()
    jobs = [replace(job(seed=seed, draw=draw, **params), features=first.features, targets=first.targets)
            for params in grid for seed in (0, 1) for draw in (0, 1)]  # fmt: skip

    together = HEAD.run(jobs)

    for one, result in list(zip(jobs, together, strict=True))[::11]:
        (alone,) = HEAD.run([one])
        np.testing.assert_allclose(result.parts["test"].score, alone.parts["test"].score, atol=1e-5)
        assert len(result.history) == one.spec.recipe.params["epochs"]


def test_seeds_differ_and_configurations_of_a_seed_share_their_batches():
    """Another seed gives another head; two heads that differ in nothing but their place are the same."""
    same, again, other = HEAD.run([job(), job(), job(seed=1)])

    np.testing.assert_array_equal(same.parts["test"].score, again.parts["test"].score)
    assert np.abs(same.parts["test"].score - other.parts["test"].score).max() > 1e-3


def test_a_head_that_diverges_is_its_own_outcome():
    """An absurd learning rate ends in an error that names epoch and rate; the neighbours are as they are alone."""
    first = job("regression")
    wild, calm = (replace(job("regression", lr=lr), features=first.features, targets=first.targets)
                  for lr in (1e30, 0.01))  # fmt: skip

    lost, kept = HEAD.run([wild, calm])

    assert isinstance(lost.error, DivergedError)
    assert "diverged in epoch" in str(lost.error)
    assert "1e+30" in str(lost.error)
    np.testing.assert_allclose(kept.parts["test"].label, HEAD.run([calm])[0].parts["test"].label, atol=1e-6)


def test_patience_ends_a_head_and_keep_best_gives_its_best_epoch():
    """A head stops so many epochs after its best score, and gives the weights of that epoch."""
    (early,) = HEAD.run([job(epochs=60, patience=3, keep="best", lr=0.3)])
    scores = [epoch["valid_score"] for epoch in early.history]
    best = int(np.argmax(scores))

    assert early.chosen["stopped"] == "patience"
    assert len(scores) == best + 1 + 3
    (short,) = HEAD.run([job(epochs=best + 1, lr=0.3)])
    np.testing.assert_allclose(early.parts["test"].score, short.parts["test"].score, atol=1e-6)


def test_halving_stops_the_worse_and_leaves_the_best_as_it_is_alone():
    """Of nine rates a third goes on after one epoch and one after three; the winner is what it is without halving."""
    first = job()
    rates = [10.0**-k for k in (1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5)]
    jobs = [replace(job(lr=lr, halving=3, epochs=9), features=first.features, targets=first.targets) for lr in rates]

    results = HEAD.run(jobs)

    assert sorted(result.chosen["epochs_run"] for result in results) == [1] * 6 + [3] * 2 + [9]
    winner = max(range(9), key=lambda i: results[i].chosen["epochs_run"])
    (alone,) = HEAD.run([job(lr=rates[winner], epochs=9)])
    np.testing.assert_allclose(results[winner].parts["test"].score, alone.parts["test"].score, atol=1e-6)
    assert [r.chosen["stopped"] for r in results].count("halving") == 8


@pytest.mark.parametrize("method", ["head", "finetune"])
def test_whoever_watches_the_epochs_can_end_a_job(method):
    """The second epoch's line of history comes with a validation score; PrunedError is then the outcome, with both."""
    seen = []

    def watch(epoch):
        seen.append(epoch["valid_score"])
        if len(seen) == 2:
            raise PrunedError("enough")

    one = job() if method == "head" else network_job(params=ADAPTERS["finetune"].defaults)
    (result,) = ADAPTERS[method].run([replace(one, on_epoch=watch)])

    assert isinstance(result.error, PrunedError)
    assert len(seen) == len(result.history) == 2


def test_lbfgs_finds_the_minimum_that_scikit_learn_finds():
    """The penalised minimum: scikit-learn's probabilities, once its intercept is free of the penalty in both."""
    one = job(optimizer="lbfgs", epochs=200, weight_decay=0.02)
    rows = np.sort(one.train)
    scale = measure_scale(one.features, rows, "global")
    z = np.column_stack([scale.apply(one.features), np.ones(len(one.features))])
    peer = LogisticRegression(C=1 / (0.02 * len(rows)), fit_intercept=False, tol=1e-10, max_iter=5000)
    peer.fit(z[rows], one.targets[rows])

    (result,) = HEAD.run([one])

    np.testing.assert_allclose(result.parts["test"].score, peer.predict_proba(z[one.test]), atol=2e-4)


@pytest.mark.parametrize(
    ("kind", "params", "word"),
    [
        ("regression", {"label_smoothing": 0.1}, "label_smoothing"), ("multilabel", {"class_weight": "balanced"}, "balanced"),
        ("multiclass", {"optimizer": "lbfgs", "dropout": 0.1}, "lbfgs"),
    ],
)  # fmt: skip
def test_settings_without_a_meaning_are_refused(kind, params, word):
    """The error names the setting, and a neighbour is served."""
    bad, good = HEAD.run([job(kind, **params), job(kind)])

    assert isinstance(bad.error, UsageError)
    assert word in str(bad.error)
    assert good.error is None
