"""Does `select` with its finals find what full fine-tuning of every candidate finds, and for what part of the cost?

    .venv/bin/python benchmarks/select_finetune.py [--rows 400] [--seeds 3]

Candidates: EfficientNet-Lite0/1/2, their untrained twins, and Lite0 and Lite1 cut after some of their blocks, at 64
pixels. Data: scikit-learn's digits, 60 % to learn from, the rest is the test. Brute force fine-tunes every candidate on
all learning rows as the last rung of the finals does (two epochs of the head, three of the whole network) and scores it
on the test rows, once. `assay.select` then races the candidates on the learning rows with `finetune=True` and no limit
but its own stopping rule, once a seed. Everything is charged by the clock, loading included.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace

import numpy as np
import torch
from select_real import CUTS

from assay import Budget, Question, select
from assay.adapt.parameters import resolve
from assay.assess.selection.nesting import folds_of
from assay.builtin import ADAPTERS
from assay.contracts import AdaptJob
from assay.demo import weights
from assay.demo.data import digits
from assay.run.finals import RUNGS
from assay.sources.models.networks.network_model import NetworkModel
from assay.spec import DataSlice, ModelRef, TrialSpec
from assay.stats import mcnemar_mid_p

PIXELS = 64
POOL = {f"{'' if pretrained else 'untrained '}Lite{size}{'' if cut is None else f' cut at {cut}'}": (size, pretrained, cut)
        for size in range(3) for pretrained in (True, False)
        for cut in (None, *(CUTS.get(size, ()) if pretrained else ()))}  # fmt: skip


def load(ref: ModelRef) -> NetworkModel:
    """A candidate by its name."""
    size, pretrained, cut = POOL[ref.name]
    torch.manual_seed(0)
    parts = getattr(weights, f"efficientnet_lite{size}")(pretrained=pretrained)
    network = parts.network
    if cut is not None:
        network.blocks, network.head = network.blocks[:cut], torch.nn.Identity()
    inputs = replace(parts.inputs, size=(PIXELS, PIXELS), shorter=PIXELS)
    return NetworkModel(replace(ref, revision=parts.revision), network=network, inputs=inputs, facts=parts.facts)


def tuned(name: str, data, train, test) -> tuple[np.ndarray, float]:
    """(len(test),) whether the fine-tuned candidate names each test row rightly, and its seconds."""
    start, model = time.perf_counter(), load(ModelRef(source="py", name=name))
    part = DataSlice(data=data.ref, split="train")
    spec = TrialSpec(model=model.ref, train=part, test=part, recipe=resolve("finetune", RUNGS[-1]), draw=0, seed=0)
    job = AdaptJob(spec=spec, task=data.task, targets=data.targets, train=train, valid=np.array([], dtype=int), test=test,
                   model=model, dataset=data, device="cpu")  # fmt: skip
    (result,) = ADAPTERS["finetune"].run([job])
    if result.error is not None:
        raise result.error
    return result.parts["test"].label == data.targets[test], time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, help="rows to learn from; all of the 60 % unless named")
    parser.add_argument("--seeds", type=int, default=3)
    wanted = parser.parse_args()
    data = digits()
    mixed = np.random.default_rng(0).permutation(len(data))
    fold = folds_of(np.asarray(data.targets)[mixed], 5)
    train, test = mixed[fold < 3][: wanted.rows], np.sort(mixed[fold >= 3])

    hits, cost = {}, 0.0
    for name in POOL:
        hits[name], took = tuned(name, data, np.sort(train), test)
        cost += took
        print(f"  {name:24s} fine-tuned {hits[name].mean():.4f} on {len(test)} test rows, {took:.1f} s", flush=True)
    best = max(hits, key=lambda name: hits[name].mean())
    print(f"brute force: {best}, {cost:.0f} s")

    passed = True
    for seed in range(wanted.seeds):
        start = time.perf_counter()
        asked = Question(
            models=[f"py:{name}" for name in POOL],
            data=data.take(train, part="learning"),
            load=load,
            rng_seed=seed,
            device="cpu",
        )
        found = select(asked, budget=Budget(), finetune=True)
        took = time.perf_counter() - start
        chosen = str(found.tables["ranking"][0]["model"]).removeprefix("py:")
        mine, theirs = hits[chosen], hits[best]
        p = mcnemar_mid_p(int((mine & ~theirs).sum()), int((theirs & ~mine).sum())) if chosen != best else 1.0
        passed &= p >= 0.05
        print(f"seed {seed}: {chosen}, {100 * (theirs.mean() - mine.mean()):.2f} points behind the best (p {p:.2f}), "
              f"{took:.0f} s, {took / cost:.1%} of brute force\n  {found.verdict}", flush=True)  # fmt: skip
    print(f"the winner, or one not told apart from it on the test rows, each time: {'pass' if passed else 'fail'}")
    sys.exit(0 if passed else 1)


if __name__ == "__main__":
    main()
