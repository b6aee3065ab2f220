"""Stages, cuts and shortened networks, over architectures that register their layers in different ways."""

import numpy as np
import pytest
import torch
from torch import nn

from assay.errors import UnknownNameError, UsageError
from assay.sources.models import load_model
from assay.sources.models.cut import cut
from assay.sources.models.depth import shorten
from assay.sources.models.stages import STEM, stages
from assay.testing.tiny_networks import convolutions

TEXTS = ["the cat runs", "a dull film", "the music of this story"]


def tensors(model, items):
    return {name: torch.from_numpy(array) for name, array in model.collate(items).items()}


def pictures(count=3):
    rng = np.random.default_rng(3)
    return [rng.integers(0, 255, (40, 40, 3), dtype=np.uint8) for _ in range(count)]


@pytest.fixture(params=["bert", "gpt2", "vit", "timm:test_vit", "timm:test_resnet", "timm:test_efficientnet", "own"])
def loaded(request):
    """A model and a batch of three items for it."""
    name = request.param
    if name in ("bert", "gpt2", "vit"):
        model = load_model(f"hf:{request.getfixturevalue(name)}")
    elif name == "own":
        model = load_model("py:assay.testing.tiny_networks:convolutions")
        return model, {"pixels": torch.from_numpy(np.random.default_rng(0).normal(size=(3, 3, 16, 16)).astype("f4"))}
    else:
        model = load_model(f"random:{name}")
    return model, tensors(model, TEXTS if model.info.modality == "text" else pictures())


def test_every_parameter_is_in_one_stage(loaded):
    """Stages part the parameters: none is left out, none is twice, and their names are those of the network."""
    network = loaded[0].network
    named = [name for _, names in stages(network) for name in names]

    assert sorted(named) == sorted(name for name, _ in network.named_parameters())
    assert len(stages(network)) >= 3


def test_stages_run_in_the_order_in_which_they_are_listed(loaded):
    """Each block is entered after the one before it."""
    model, batch = loaded
    blocks = [name for name, _ in stages(model.network) if name != STEM]
    entered = []
    hooks = [
        model.network.get_submodule(name).register_forward_pre_hook(lambda *_, name=name: entered.append(name))
        for name in blocks
    ]
    with torch.no_grad():
        model.network(**batch)
    for hook in hooks:
        hook.remove()

    assert entered == blocks


def test_a_cut_network_gives_what_the_whole_gives(loaded):
    """At every stage, on a batch of another size than the example, in two steps as in one."""
    model, batch = loaded
    fewer = {name: tensor[:2] for name, tensor in batch.items()}
    for name, _ in stages(model.network)[1:]:
        prefix, suffix = cut(model.network, name, batch)
        with torch.no_grad():
            torch.testing.assert_close(suffix(**prefix(**fewer)), model.network(**fewer), rtol=1e-4, atol=1e-5)


def test_training_the_last_stage_trains_the_network_itself(loaded):
    """A step on stored activations changes the network itself, from the cut on and not before."""
    model, batch = loaded
    name, own = stages(model.network)[-1]
    prefix, suffix = cut(model.network, name, batch)
    stored = prefix(**batch)
    before = {key: value.clone() for key, value in model.network.named_parameters()}

    optimiser = torch.optim.SGD(suffix.parameters(), lr=0.1)
    suffix.train()
    suffix(**stored).square().sum().backward()
    optimiser.step()

    changed = {key for key, value in model.network.named_parameters() if not torch.equal(value, before[key])}
    assert changed
    assert changed <= set(own)
    assert {id(p) for p in suffix.parameters()} == {id(dict(model.network.named_parameters())[key]) for key in own}


class Bridged(nn.Module):
    """A network whose last block reads the stem's output beside the block before it."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Linear(4, 4)
        self.blocks = nn.ModuleList([nn.Linear(4, 4), nn.Linear(8, 4)])

    def forward(self, x):
        early = self.stem(x)
        return self.blocks[1](torch.cat([self.blocks[0](early), early], dim=1)) + early


def test_a_network_that_cannot_be_cut_is_refused():
    """A skip across the cut would be lost, so it is an error and not a wrong number."""
    with pytest.raises(UsageError, match="later stages read more"):
        cut(Bridged(), "blocks.1", {"x": torch.randn(3, 4)})
    with pytest.raises(UnknownNameError, match=r"blocks\.1"):
        cut(convolutions(), "blocks.9", {"images": torch.zeros(2, 3, 16, 16)})


def test_a_network_of_one_layer_is_one_stage():
    """Nothing can be unfrozen step by step where there is one step only."""
    assert stages(nn.Linear(3, 2)) == [(STEM, ["weight", "bias"])]
    assert stages(nn.Identity()) == []


@pytest.mark.parametrize("layer", [0, 1, 2])
def test_a_shortened_text_model_gives_the_librarys_hidden_state(bert, gpt2, layer):
    """Layer k is what transformers calls hidden state k, pooled as ever, and the later blocks are gone."""
    import transformers

    for folder, kind in ((bert, transformers.BertModel), (gpt2, transformers.GPT2Model)):
        model = load_model(f"hf:{folder}?pooling=mean", layer=layer)
        full = kind.from_pretrained(folder).eval()
        batch = tensors(model, TEXTS)
        with torch.no_grad():
            hidden = full(**batch, output_hidden_states=True).hidden_states[layer]
        real = batch["attention_mask"].unsqueeze(-1)
        expected = (hidden * real).sum(dim=1) / real.sum(dim=1)

        np.testing.assert_allclose(model.encode(model.collate(TEXTS)), expected.numpy(), atol=1e-5)
        assert model.info.layer == f"{layer} of 3"
        assert model.info.parameters < load_model(f"hf:{folder}").info.parameters


def test_a_shortened_network_is_the_mean_over_places_of_its_last_block():
    """Norms, projections and activations behind the blocks are left out with them."""
    whole, short = convolutions().eval(), convolutions().eval()
    shorten(short, 2, uri="py:it")
    images = torch.randn(2, 3, 16, 16)
    with torch.no_grad():
        expected = whole.blocks[1](whole.blocks[0](whole.stem(images))).mean(dim=(2, 3))
        torch.testing.assert_close(short(images), expected)


def test_every_depth_of_a_timm_model_can_be_read():
    """Each is cheaper than the next, and the deepest is the model itself."""
    infos = [load_model("random:timm:test_efficientnet", layer=k).info for k in range(6)]
    whole = load_model("random:timm:test_efficientnet").info

    assert [info.flops for info in infos] == sorted(info.flops for info in infos)
    assert (infos[5].flops, infos[5].parameters) == (whole.flops, whole.parameters)
    assert load_model("random:timm:test_efficientnet", layer=2).source_probabilities({}) is None
