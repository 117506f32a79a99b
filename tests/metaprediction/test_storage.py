"""A predictor goes into a file and comes back; what is no such file is said."""

import json
import math

import pytest
import torch
from safetensors.torch import load_file, save_file

from mfsearch.errors import DataError
from mfsearch.metaprediction.learning import Learned
from mfsearch.metaprediction.predictor import Predictor, Students, Support
from mfsearch.metaprediction.storage import About, read_predictor, write_predictor

ABOUT = About("nasbench201", 5, 2, ("params", "synflow"), 8, 9, {"tasks": 3})


def learned(rates=True, validation=0.5):
    model = Predictor(5, 2, 2, 8, 9)
    model.begin([Students(torch.rand(9, 5), torch.zeros(9, 2, 4, 4), 3 * torch.rand(9, 2))], [torch.rand(9)])
    weights = {name: weight.detach() for name, weight in model.named_parameters()}
    return Learned(
        model, weights, {name: 0.1 * torch.rand_like(w) for name, w in weights.items()} if rates else None, 7, validation
    )


@pytest.mark.parametrize(("rates", "validation"), [(True, 0.5), (False, math.nan)])
def test_what_is_read_predicts_the_same(tmp_path, rates, validation):
    some = learned(rates, validation)
    write_predictor(tmp_path / "deep" / "some.safetensors", some, ABOUT)
    before = torch.random.get_rng_state()
    found, about = read_predictor(tmp_path / "deep" / "some.safetensors")
    assert torch.equal(before, torch.random.get_rng_state())
    assert about == ABOUT and found.episode == 7 and str(found.validation) == str(validation)
    told = Students(torch.rand(4, 5), torch.rand(4, 2, 4, 4), torch.rand(4, 2))
    support = Support(told[:1], torch.tensor(0.7))
    torch.testing.assert_close(found.predict(told, support), some.predict(told, support))


def test_what_is_no_predictor_is_said(tmp_path):
    path = tmp_path / "some.safetensors"
    with pytest.raises(DataError, match="must be a file that 'mfsearch meta-train' wrote"):
        read_predictor(path)
    path.write_bytes(b"something else")
    with pytest.raises(DataError, match="must be a file that 'mfsearch meta-train' wrote"):
        read_predictor(path)
    save_file({"weights": torch.zeros(1)}, path)
    with pytest.raises(DataError, match="KeyError"):
        read_predictor(path)


@pytest.mark.parametrize("fault", ["missing", "shape", "format"])
def test_damage_is_said(tmp_path, fault):
    path = tmp_path / "some.safetensors"
    write_predictor(path, learned(), ABOUT)
    tensors = load_file(path)
    header = {"format": 1 if fault == "format" else 2, "about": vars(ABOUT), "episode": 1, "validation": None}
    if fault == "missing":
        del tensors["rates.last.bias"]
    if fault == "shape":
        tensors["weights.last.bias"] = torch.zeros(2)
    save_file(tensors, path, {"mfsearch.metaprediction": json.dumps(header)})
    with pytest.raises(DataError, match="must have format 2; got 1" if fault == "format" else "missing or of other shapes"):
        read_predictor(path)
