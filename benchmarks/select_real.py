"""Does `select` find what brute force finds, on real pretrained models and real data, for a part of its cost?

Usage: .venv/bin/python benchmarks/select_real.py [--studies 50] [--keep FOLDER] [--only DATA] [--features-only]

Candidates for images: EfficientNet-Lite0/1/2, their untrained twins, and Lite0 and Lite1 cut after some of their
blocks, at 64 pixels. For texts: MiniLM cut after each of its six layers and before the first, and untrained twins cut
after layers 2, 4 and 6, at 32 tokens. Data: MNIST-5k, scikit-learn's digits, Reuters R8 and 20 Newsgroups (2,500 texts
each). Features are computed once, with the seconds an item took up to each cut, and kept.

A split draws 60 % of the rows to learn from; the rest is the test. Brute force is the tuned probe of every candidate on
all learning rows, computed once a split and kept. A study draws the learning rows in another order: `select` runs its
own stages (`assay.assess.selection.racing`) on a growing sample of them, as `assay.run.race` does, and is charged
the measured seconds of the items each stage adds.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np

from assay.assess.selection.candidates import Candidate, Run
from assay.assess.selection.racing import hold_stage, schedule
from assay.outcome import Predictions
from assay.run.sample import interleaved
from assay.stats.proportion import mcnemar_mid_p
from assay.transfer import Factorisation
from assay.transfer.ridge import ridge_left_out

PIXELS, TOKENS, TEXTS, BATCH = 64, 32, 2500, 50
CUTS = {0: (3, 6, 10), 1: (8,)}
DATA = ("mnist", "digits", "r8", "newsgroups")


def features(data: str, folder: Path) -> tuple[dict[str, np.ndarray], np.ndarray, dict[str, float]]:
    """Candidate → (n, d) features, (n,) labels, and candidate → seconds an item."""
    path = folder / f"{data}.npz"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        made, labels, seconds = (images if data in ("mnist", "digits") else texts)(data)
        np.savez(path, labels=labels, **{f"x {name}": x.astype(np.float32) for name, x in made.items()})
        (folder / f"{data}.json").write_text(json.dumps(seconds))
    with np.load(path) as kept:
        made = {name[2:]: kept[name] for name in kept.files if name.startswith("x ")}
        labels = kept["labels"]
    return made, labels, json.loads((folder / f"{data}.json").read_text())


def images(data: str) -> tuple[dict[str, np.ndarray], np.ndarray, dict[str, float]]:
    import torch

    from assay.demo.data import digits, mnist5k
    from assay.demo.weights import efficientnet_lite0, efficientnet_lite1, efficientnet_lite2

    dataset = mnist5k() if data == "mnist" else digits()
    rows = np.arange(len(dataset))
    made: dict[str, np.ndarray] = {}
    seconds: dict[str, float] = {}
    for size, make in enumerate((efficientnet_lite0, efficientnet_lite1, efficientnet_lite2)):
        for pretrained in (True, False):
            torch.manual_seed(0)
            network = make(pretrained=pretrained).network.eval()
            cuts = CUTS.get(size, ()) if pretrained else ()
            name = f"{'' if pretrained else 'untrained '}Lite{size}"
            collect(name, lambda at, net=network, cuts=cuts: taps_of_lite(net, batch_of(dataset, at), cuts), rows, made,
                    seconds)  # fmt: skip
    return made, np.asarray(dataset.targets), seconds


def batch_of(dataset: object, at: np.ndarray) -> object:
    """Pictures as a tensor of the networks' scale, enlarged to 64 pixels."""
    import torch

    pictures = [np.asarray(item.convert("L").resize((PIXELS, PIXELS)), dtype=np.float32) for item in dataset.load(at)]
    batch = torch.from_numpy((np.stack(pictures) - 127.0) / 128.0)[:, None]
    return batch.expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last)


def taps_of_lite(network: object, batch: object, cuts: tuple[int, ...]) -> dict[str, tuple[np.ndarray, float]]:
    """Suffix → pooled features and seconds up to there."""
    start = time.perf_counter()
    found = {}
    x = network.stem(batch)
    for number, block in enumerate(network.blocks, 1):
        x = block(x)
        if number in cuts:
            found[f" cut at {number}"] = (network.pool(x).numpy(), time.perf_counter() - start)
    found[""] = (network.pool(network.head(x)).numpy(), time.perf_counter() - start)
    return found


def texts(data: str) -> tuple[dict[str, np.ndarray], np.ndarray, dict[str, float]]:
    import torch
    from transformers import AutoConfig, AutoModel, AutoTokenizer

    from assay.demo.data import newsgroups20, reuters_r8
    from assay.demo.weights import minilm_folder

    dataset = reuters_r8() if data == "r8" else newsgroups20()
    rows = np.sort(np.random.default_rng(0).permutation(len(dataset))[:TEXTS])
    folder = str(minilm_folder())
    tokenizer = AutoTokenizer.from_pretrained(folder)
    made: dict[str, np.ndarray] = {}
    seconds: dict[str, float] = {}
    for pretrained, layers in ((True, range(7)), (False, (2, 4, 6))):
        torch.manual_seed(0)
        network = AutoModel.from_pretrained(folder) if pretrained else AutoModel.from_config(
            AutoConfig.from_pretrained(folder))  # fmt: skip
        network.eval()

        def taps(at: np.ndarray, network: object = network, layers: object = layers) -> dict:
            batch = tokenizer(
                list(dataset.load(at)), padding=True, truncation=True, max_length=TOKENS, return_tensors="pt"
            )
            start = time.perf_counter()
            hidden = network(**batch, output_hidden_states=True).hidden_states
            took = time.perf_counter() - start
            mask = batch["attention_mask"][:, :, None]
            return {f" layer {k}": (((hidden[k] * mask).sum(1) / mask.sum(1)).numpy(), took * (k + 0.3) / 6.3)
                    for k in layers}  # fmt: skip

        collect("MiniLM" if pretrained else "untrained MiniLM", taps, rows, made, seconds)
    return made, np.asarray(dataset.targets)[rows], seconds


def collect(name: str, taps: object, rows: np.ndarray, made: dict[str, np.ndarray], seconds: dict[str, float]) -> None:
    """Features of all rows at every cut, and the median seconds an item (a loaded machine has slow batches)."""
    import torch

    parts: dict[str, list[np.ndarray]] = {}
    times: dict[str, list[float]] = {}
    with torch.inference_mode():
        for start in range(0, len(rows), BATCH):
            at = rows[start : start + BATCH]
            for suffix, (x, took) in taps(at).items():
                parts.setdefault(name + suffix, []).append(x)
                times.setdefault(name + suffix, []).append(took / len(at))
    for candidate, pieces in parts.items():
        made[candidate], seconds[candidate] = np.concatenate(pieces), float(np.median(times[candidate]))
    print(f"  {name}: {', '.join(f'{c} {1e3 * seconds[c]:.1f} ms' for c in parts)}", flush=True)


def probe_hits(x: np.ndarray, y: np.ndarray, train: np.ndarray, test: np.ndarray) -> tuple[np.ndarray, float]:
    """(len(test),) whether the tuned probe names each test row rightly, and its seconds."""
    from assay.adapt.parameters import resolve
    from assay.adapt.probe import PROBE
    from assay.contracts import AdaptJob
    from assay.dataset import Task
    from assay.spec import DataRef, DataSlice, ModelRef, TrialSpec

    data = DataRef(source="py", name="bench")
    spec = TrialSpec(
        model=ModelRef(source="py", name="bench"), train=DataSlice(data=data, split="train"), draw=0, seed=0,
        test=DataSlice(data=data, split="test"), recipe=resolve("probe"),
    )  # fmt: skip
    task = Task(kind="multiclass", classes=tuple(str(c) for c in np.unique(y)))
    start = time.perf_counter()
    job = AdaptJob(spec=spec, task=task, targets=y, train=train, valid=np.array([], dtype=int), test=test, features=x)
    result = PROBE.run([job])[0]
    if result.error is not None:
        raise result.error
    return result.parts["test"].label == y[test], time.perf_counter() - start


def race(made: dict[str, np.ndarray], y: np.ndarray, order: np.ndarray, seconds: dict[str, float], regret: float,
         rng: np.random.Generator) -> tuple[str, float, float]:  # fmt: skip
    """The chosen candidate, its stated expected regret in points, and the seconds of features and scores."""
    left, spent, before = list(made), 0.0, 0
    sizes = schedule(len(order), len(np.unique(y)))
    for size in sizes:
        at = order[:size]
        ids = np.array([f"{i:06d}" for i in at])
        found = []
        start = time.perf_counter()
        for name in left:
            said = ridge_left_out(Factorisation.of(made[name][at]), y[at])
            label = np.unique(y[at])[said.said]
            found.append(Candidate(model=name, runs=[Run(predictions=Predictions(ids=ids, target=y[at], label=label))]))
        spent += time.perf_counter() - start + sum(seconds[name] for name in left) * (size - before)
        stage = hold_stage(found, metric="accuracy", regret=regret, stages=len(sizes), level=0.95, rng=rng)
        left, before = stage.kept, size
        if stage.done:
            break
    return left[0], float(stage.judged.regret[0].value or 0.0), spent


def truth(made: dict[str, np.ndarray], y: np.ndarray, seconds: dict[str, float], number: int, path: Path) -> dict:
    """Brute force on one split: rows to learn from, candidate → hits on the test rows, and what it all cost."""
    rng = np.random.default_rng(number)
    mixed = rng.permutation(len(y))
    mixed = mixed[interleaved(y[mixed])]
    train, test = np.sort(mixed[: int(0.6 * len(y))]), np.sort(mixed[int(0.6 * len(y)) :])
    if not path.exists():
        hits, cost = {}, 0.0
        for name, x in made.items():
            hits[name], took = probe_hits(x, y, train, test)
            cost += took + seconds[name] * len(train)
        np.savez(path, cost=cost, **{f"h {name}": h for name, h in hits.items()})
    with np.load(path) as kept:
        scores = {name[2:]: kept[name] for name in kept.files if name.startswith("h ")}
        return {"train": train, "scores": scores, "cost": float(kept["cost"])}


def study(made: dict[str, np.ndarray], y: np.ndarray, seconds: dict[str, float], brute: dict, number: int,
          regret: float) -> dict:  # fmt: skip
    rng = np.random.default_rng([7, number])
    train, scores = brute["train"], brute["scores"]
    drawn = train[rng.permutation(len(train))]
    chosen, stated, spent = race(made, y, drawn[interleaved(y[drawn])], seconds, regret, rng)
    best = max(scores, key=lambda name: scores[name].mean())
    mine, theirs = scores[chosen], scores[best]
    p = mcnemar_mid_p(int((mine & ~theirs).sum()), int((theirs & ~mine).sum())) if chosen != best else 1.0
    return {
        "chosen": chosen, "best": best, "p": p, "regret": 100 * float(theirs.mean() - mine.mean()), "stated": stated,
        "share": spent / brute["cost"],
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=50)
    parser.add_argument("--splits", type=int, default=4, help="splits into rows to learn from and test rows")
    parser.add_argument("--regret", type=float, default=1.0, help="expected regret that may remain, in points")
    parser.add_argument("--keep", type=Path, default=Path(tempfile.gettempdir()) / "assay-select-real")
    parser.add_argument("--only", choices=DATA, help="one data set")
    parser.add_argument("--features-only", action="store_true")
    arguments = parser.parse_args()
    chosen = [arguments.only] if arguments.only else list(DATA)
    results: list[dict] = []
    for data in chosen:
        made, labels, seconds = features(data, arguments.keep)
        print(f"{data}: {len(made)} candidates, {len(labels)} rows", flush=True)
        if arguments.features_only:
            continue
        each = -(-arguments.studies // len(DATA)) if arguments.only is None else arguments.studies
        start = time.perf_counter()
        splits = [truth(made, labels, seconds, number, arguments.keep / f"{data}-truth-{number}.npz")
                  for number in range(arguments.splits)]  # fmt: skip
        rows = [study(made, labels, seconds, splits[number % len(splits)], number, arguments.regret)
                for number in range(each)]  # fmt: skip
        summary(data, rows)
        print(f"  {time.perf_counter() - start:.0f} s", flush=True)
        results += rows
    if len(chosen) > 1 and results:
        summary("all data sets", results)


def summary(name: str, rows: list[dict]) -> None:
    right = np.mean([row["chosen"] == row["best"] or row["p"] > 0.05 for row in rows])
    same = np.mean([row["chosen"] == row["best"] for row in rows])
    regret = np.array([row["regret"] for row in rows])
    share = np.array([row["share"] for row in rows])
    stated = np.mean([row["stated"] for row in rows])
    print(f"  {name}: winner or not distinguishable {right:.3f} (the winner itself {same:.3f}) of {len(rows)} studies; "
          f"mean regret {regret.mean():.2f} points (most {regret.max():.2f}, stated {stated:.2f}); "
          f"cost {100 * share.mean():.1f} % of brute force (most {100 * share.max():.1f} %)", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
