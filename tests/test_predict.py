from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from rich.console import Console

from mstasks.bench.autotune import AutoTuner, Choice
from mstasks.bench.backends import folded
from mstasks.experiment import Experiment
from mstasks.fit import fit, start_run
from mstasks.network import Network
from mstasks.predict import fast_network, free_folders, predict_image, save_predictions
from mstasks.recipe import load_recipe
from mstasks.runfolder import RunFolder
from mstasks.trained import open_trained

RECIPE = """
name: all-kinds
data: {dataset: scenes, size: [48, 48], train: 8, val: 4, test: 4, batch_size: 4}
backbone: {model: mobilenetv3_small_050}
decoder: {width: 16}
tasks: {segmentation: {}, depth: {}, normals: {}, edges: {}, attributes: {}}
optim: {steps: 2}
run: {pictures: 0}
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    folder = tmp_path_factory.mktemp("predict")
    (folder / "r.yaml").write_text(RECIPE)
    loaded = load_recipe(folder / "r.yaml")
    run = start_run(loaded, folder)
    fit(loaded, run, Console(quiet=True))
    return run


@pytest.mark.parametrize("size", [(48, 48), (61, 93), (1, 5)])
def test_predictions_have_the_size_of_the_image(run: RunFolder, tmp_path: Path, size: tuple[int, int]) -> None:
    experiment, network = open_trained(run)
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    decoded = predict_image(experiment, network, image)
    save_predictions(experiment.tasks, image, decoded, tmp_path / "out")
    described = json.loads((tmp_path / "out" / "predictions.json").read_text())
    arrays = {name: np.load(tmp_path / "out" / entry["array"]) for name, entry in described.items() if "array" in entry}
    assert set(arrays) == {"segmentation", "depth", "normals", "edges"}
    classes = described["segmentation"]["classes"]
    assert arrays["segmentation"].shape == size
    assert arrays["segmentation"].max() < len(classes)
    assert all(set(entry) == {"index", "name", "colour"} for entry in classes)
    assert arrays["depth"].shape == size
    assert (arrays["depth"] > 0).all()
    assert described["depth"]["unit"] == "metres"
    assert arrays["normals"].shape == (*size, 3)
    np.testing.assert_allclose(np.linalg.norm(arrays["normals"], axis=-1), 1, atol=1e-4)
    assert ((arrays["edges"] >= 0) & (arrays["edges"] <= 1)).all()
    probabilities = described["attributes"]["probabilities"]
    assert list(probabilities) == list(experiment.infos["attributes"].names)
    assert all(0 <= p <= 1 for p in probabilities.values())
    for name in described:
        assert Image.open(tmp_path / "out" / f"{name}.png").mode == "RGB"


def test_prediction_of_a_test_image_is_that_of_evaluation(run: RunFolder) -> None:
    experiment, network = open_trained(run)
    network.eval()
    batch = next(iter(experiment.batches("test")))
    expected = network(batch.images[:1].float() / 255)
    decoded = predict_image(experiment, network, batch.images[0].permute(1, 2, 0).numpy())
    probabilities = experiment.tasks["attributes"].task.decode(expected["attributes"])[0]
    torch.testing.assert_close(decoded["attributes"], probabilities, rtol=1e-4, atol=1e-5)


def test_many_images_are_predicted_on_the_fastest_backend_with_equal_results(run: RunFolder) -> None:
    class Counting(AutoTuner):
        """Chooses by the number of images alone."""

        def choose(self, network: Network, size: tuple[int, int], images: int) -> Choice:
            return Choice("folded", folded(network, size)) if images >= 10 else Choice("channels_last", network)

    experiment, network = open_trained(run)
    assert fast_network(experiment, network, 9, Counting()) is network
    fast = fast_network(experiment, network, 10, Counting())
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in fast.backbone.modules())
    image = np.random.default_rng(0).integers(0, 256, (48, 48, 3), dtype=np.uint8)
    expected, found = (predict_image(experiment, which, image) for which in (network, fast))
    for task, value in expected.items():
        torch.testing.assert_close(found[task], value, rtol=1e-4, atol=1e-4 * float(value.abs().max()))


def test_a_recipe_in_bfloat16_predicts_as_it_was_evaluated(run: RunFolder) -> None:
    experiment, network = open_trained(run)
    recipe = experiment.recipe
    optim = recipe.optim.model_copy(update={"precision": "bfloat16"})
    low = Experiment(replace(experiment.loaded, recipe=recipe.model_copy(update={"optim": optim})))
    clock = iter(()).__next__  # fails if somebody looks
    assert fast_network(low, network, 10**6, AutoTuner(clock)) is network


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    images = [Path("a/x.jpg"), Path("b/x.png")]
    folders = []
    for _, folder in free_folders(tmp_path, images):
        folder.mkdir()
        folders.append(folder.name)
    assert folders == ["x", "x-2"]
