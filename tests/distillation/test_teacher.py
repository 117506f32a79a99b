import dataclasses
import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from mfsearch.datasets.digits import cluttered_digits
from mfsearch.datasets.distortion import Distortion
from mfsearch.distillation.teacher import TeacherFiles, TeacherRecipe, load_teacher, make_teacher
from mfsearch.distillation.trainer import TrainingRecipe, evaluate
from mfsearch.errors import ConfigError, DataError, LimitReachedError
from mfsearch.networks.nasbench201 import NASBench201Network
from mfsearch.networks.resnet import ResNet

RECIPE = TeacherRecipe(channels=4, training=TrainingRecipe(epochs=2), feature_epochs=1)


@pytest.fixture(scope="module")
def data():
    return cluttered_digits(epochs=2, train=64, val=100, test=10)


@pytest.fixture
def files(tmp_path: Path, data):
    return TeacherFiles(tmp_path, RECIPE.key(data.key))


def test_what_is_kept_is_what_the_network_says(data, files):
    ticks = iter((10.0, 17.5))
    made = make_teacher(RECIPE, data, files, clock=lambda: next(ticks))
    assert made.seconds == 7.5
    loaded = load_teacher(RECIPE, data, files)
    assert (loaded.seconds, loaded.val_accuracy) == (made.seconds, made.val_accuracy)
    assert loaded.outputs.logits is not None and made.outputs.logits is not None
    assert torch.equal(loaded.outputs.logits, made.outputs.logits)

    network = NASBench201Network(RECIPE.operations, 1, 10, 4, 1, "light").eval()
    tensors = load_file(files.tensors)
    network.load_state_dict({name.removeprefix("weights."): t for name, t in tensors.items() if name.startswith("weights.")})
    assert evaluate(network, data.val_images, data.val_labels) == pytest.approx(made.val_accuracy)
    with torch.no_grad():
        _, *blocks, _, logits = network.forward_features(data.train_images[0])
    torch.testing.assert_close(loaded.outputs.logits[0], logits, rtol=1e-3, atol=1e-4)
    assert len(loaded.outputs.features) == len(blocks) == 5
    for kept, maps in zip(loaded.outputs.features, blocks, strict=True):
        assert kept.shape == (1, *maps.shape)
        torch.testing.assert_close(kept[0], maps.contiguous(), rtol=1e-3, atol=1e-4)


def test_no_feature_maps_on_request(data, files):
    recipe = dataclasses.replace(RECIPE, feature_epochs=0)
    make_teacher(recipe, data, files)
    assert load_teacher(recipe, data, files).outputs.features == ()


def test_feature_maps_that_do_not_fit_are_asked_for(data, files):
    """The kept maps take 64 * (2 * 4 * 256 + ...) floats: less than a megabyte, more than a thousandth of one."""
    made = make_teacher(RECIPE, data, files)
    size = sum(4 * maps.numel() for maps in made.outputs.features)
    fits, not_quite = (dataclasses.replace(RECIPE, memory=m * size / 2**30) for m in (1.0, 0.999))
    assert make_teacher(fits, data, files).outputs.features
    made = make_teacher(not_quite, data, files)
    assert made.outputs.features == () and made.outputs.logits is not None
    loaded = load_teacher(not_quite, data, files).outputs
    assert loaded.features == () and loaded.network is not None and made.outputs.network is not None
    assert not loaded.network.training and not any(p.requires_grad for p in loaded.network.parameters())
    torch.testing.assert_close(loaded.network(data.val_images[:5]), made.outputs.network(data.val_images[:5]))


def test_of_pictures_that_change_nothing_is_kept(data, files):
    moving = dataclasses.replace(data, distortion=Distortion(1, False, torch.zeros(1, 1, 1)))
    made = make_teacher(RECIPE, moving, files)
    assert made.outputs.logits is None and made.outputs.pooled is None and made.outputs.features == ()
    assert all(name.startswith("weights.") for name in load_file(files.tensors))
    assert load_teacher(RECIPE, moving, files).outputs.network is not None


def test_key_depends_on_recipe_and_data():
    keys = {RECIPE.key("a"), RECIPE.key("b"), dataclasses.replace(RECIPE, seed=1).key("a")}
    assert len(keys) == 3 and RECIPE.key("a") == dataclasses.replace(RECIPE).key("a")


def test_stopped_in_the_middle_nothing_is_kept(data, files):
    def check():
        raise LimitReachedError("stopped")

    with pytest.raises(LimitReachedError):
        make_teacher(RECIPE, data, files, check=check)
    assert list(files.folder.iterdir()) == []


def test_damage_is_noticed(data, files):
    with pytest.raises(DataError, match="the teacher must be trained before it is used; there is no teacher-"):
        load_teacher(RECIPE, data, files)
    make_teacher(RECIPE, data, files)
    whole = files.tensors.read_bytes()
    files.tensors.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="must be a whole safetensors file; .* is missing or damaged"):
        load_teacher(RECIPE, data, files)
    save_file({"logits": torch.zeros(1, 64, 10)}, files.tensors)
    with pytest.raises(DataError, match=r"must hold its weights and cover the training bank, \(2, 64\); .* does not"):
        load_teacher(RECIPE, data, files)
    files.record.write_text("{")
    with pytest.raises(DataError, match="record must be JSON with seconds and val_accuracy"):
        load_teacher(RECIPE, data, files)


def test_record_can_be_read_by_people(data, files):
    make_teacher(RECIPE, data, files)
    record = json.loads(files.record.read_text())
    assert record["data"] == data.key and record["recipe"]["channels"] == 4 and record["seconds"] > 0


def test_may_be_a_residual_network(tmp_path, data):
    recipe = dataclasses.replace(RECIPE, depths=(2, 1, 1, 1))
    files = TeacherFiles(tmp_path, recipe.key(data.key))
    made, loaded = make_teacher(recipe, data, files), load_teacher(recipe, data, files)
    network = loaded.outputs.network
    assert isinstance(network, ResNet)
    assert network.widths == ((4, 4), (8,), (16,), (32,))
    assert [tuple(maps.shape[2:]) for maps in loaded.outputs.features] == [(4, 16, 16), (8, 8, 8), (16, 4, 4), (32, 2, 2)]
    torch.testing.assert_close(made.outputs.logits, loaded.outputs.logits, rtol=0, atol=0)


def test_has_no_teacher_itself():
    with pytest.raises(ConfigError, match="a teacher must be trained with the loss 'ce', .*; got 'kd'"):
        TeacherRecipe(training=TrainingRecipe(epochs=1, loss="kd"))
