"""Fine-tuning the last stage of EfficientNet-Lite0 from stored activations against the plain loop over all layers.

The plain loop freezes the first stages, keeps them in evaluation mode and takes no gradient through them, as one would
write it, and runs them in every epoch. The recipe computes what they give once. Same weights, same MNIST images, same
order, same optimizer, and the same validation rows judged after each epoch; each side has a process of its own, and
one trains after the other, twice. What storing takes is told, with the epochs after which it is repaid.

    python benchmarks/finetune_cut.py [--size 224]
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from dataclasses import replace
from typing import Any

import numpy as np
from finetune_speed import HEAD_LR, LR, WEIGHT_DECAY, a_job, in_turns, ours

LIMIT, EPOCHS, BATCH, ROWS = 4.0, 4, 16, 96
LOSS = 0.01
"""Largest relative difference of an epoch's training loss."""


def the_job(size: int) -> Any:
    """The last stage and the head, together from the start."""
    from assay.adapt.parameters import resolve

    job = a_job(size, EPOCHS)
    recipe = resolve("finetune", {"head_epochs": 0, "epochs": EPOCHS, "batch_size": BATCH, "schedule": "constant", "lr": LR,
                                  "head_lr": HEAD_LR, "weight_decay": WEIGHT_DECAY, "patience": 0,
                                  "unfreeze": "last"})  # fmt: skip
    return replace(job, spec=replace(job.spec, recipe=recipe), train=job.train[:ROWS], test=job.test[:100])


def plain(size: int) -> dict[str, Any]:
    """The plain loop: all layers forward in every step, the last stage backward."""
    import torch
    from torch import nn

    from assay.rng import stream
    from assay.sources.models.stages import stages

    job = the_job(size)
    net, y = nn.Sequential(job.model.network, nn.Linear(1280, 10)), torch.as_tensor(np.asarray(job.targets))
    nn.init.zeros_(net[1].weight)
    nn.init.zeros_(net[1].bias)
    learning = set(stages(net[0])[-1][1])
    for name, parameter in net[0].named_parameters():
        parameter.requires_grad_(name in learning)
    last = [net[0].get_submodule(name) for name in ("blocks.15", "head")]
    x = {int(row): torch.from_numpy(job.model.collate(job.dataset.load(np.array([row])))["pixels"][0])
         for row in np.concatenate([job.train, job.valid])}  # fmt: skip

    def batch(rows: np.ndarray) -> torch.Tensor:
        return torch.stack([x[int(row)] for row in rows])

    trained = [parameter for parameter in net[0].parameters() if parameter.requires_grad]
    groups = [{"params": net[1].parameters(), "lr": HEAD_LR}, {"params": trained, "lr": LR}]
    optimizer, generator, history = (
        torch.optim.AdamW(groups, weight_decay=WEIGHT_DECAY),
        stream(0, "order of rows", 0),
        [],
    )
    with torch.no_grad():
        net.eval()(batch(job.valid[:BATCH]))
    for _ in range(EPOCHS):
        began, began_cpu, losses = time.perf_counter(), time.process_time(), []
        net.eval()
        for module in last:
            module.train()
        order = generator.permutation(job.train)
        for at in range(0, len(order), BATCH):
            rows = order[at : at + BATCH]
            optimizer.zero_grad(set_to_none=True)
            loss = nn.functional.cross_entropy(net(batch(rows)), y[rows])
            loss.backward()
            optimizer.step()
            losses.append(float(loss.detach()))
        net.eval()
        with torch.no_grad():
            said = torch.cat([net(batch(job.valid[at : at + BATCH])) for at in range(0, len(job.valid), BATCH)]).argmax(
                1
            )
        history.append({"train_loss": float(np.mean(losses)), "seconds": time.perf_counter() - began,
                        "valid_score": float((said == y[job.valid]).float().mean()),
                        "cpu_seconds": time.process_time() - began_cpu})  # fmt: skip
    return {"history": history}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=224, choices=(96, 224))
    parser.add_argument("--side", choices=("plain", "ours"))
    args = parser.parse_args()
    if args.side:
        print(json.dumps(plain(args.size) if args.side == "plain" else ours(the_job(args.size))), flush=True)
        return
    found = in_turns(__file__, args.size)
    told = {name: {side: np.array([epoch[name] for epoch in f["history"]]) for side, f in found.items()}
            for name in ("seconds", "cpu_seconds", "train_loss", "valid_score")}  # fmt: skip
    stored = found["ours"]["chosen"]["stored"]
    print(f"{args.size} pixels, {ROWS} rows, batches of {BATCH}; load of the machine {os.getloadavg()[0]:.1f}")
    for name, table in told.items():
        print(f"  {name:12s} an epoch: plain {np.round(table['plain'], 4)}  ours {np.round(table['ours'], 4)}")
    ratio, cpu = (
        float(np.median(told[name]["plain"]) / np.median(told[name]["ours"])) for name in ("seconds", "cpu_seconds")
    )
    saved = float(np.median(told["seconds"]["plain"]) - np.median(told["seconds"]["ours"]))
    off = float(np.abs(told["train_loss"]["ours"] / told["train_loss"]["plain"] - 1.0).max())
    print(
        f"  storing took {stored['seconds']:.1f} s once, {stored['bytes'] / 2**20:.0f} MiB; repaid after {stored['seconds'] / saved:.1f} epochs"
    )
    print(f"  CPU seconds of an epoch, plain / ours {cpu:.1f}")
    print(
        f"  seconds of an epoch, plain / ours {ratio:.1f} / limit {LIMIT:.0f}: {'pass' if ratio >= LIMIT else 'FAIL'}"
    )
    print(
        f"  same training loss, largest relative difference {off:.1e} / limit {LOSS}: {'pass' if off <= LOSS else 'FAIL'}"
    )
    sys.exit(0 if ratio >= LIMIT and off <= LOSS else 1)


if __name__ == "__main__":
    main()
