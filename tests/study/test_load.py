"""A study file's mistakes are told at their place, all arms load as recipes, and `hold_out` makes the arms it says."""

from __future__ import annotations

from pathlib import Path

import pytest
from study_bench import STUDY, Bench

from mstasks.recipe import RecipeErrors, list_recipes
from mstasks.study.find import list_studies
from mstasks.study.load import load_study

STUDIES = [name for name, _, _ in list_studies()]


def changed(old: str, new: str) -> str:
    assert old in STUDY
    return STUDY.replace(old, new)


BAD = {
    "unknown key": (
        changed("recipe: base.yaml", "recip: base.yaml"),
        ["a.study.yaml:2:1: unknown key 'recip' in a study file; allowed: name, title, recipe, overrides, seeds, arms"],
        "did you mean 'recipe'?",
    ),
    "test split": (
        changed("select: val", "select: test"),
        ["a.study.yaml:7:36: compare.select is the text 'test'"],
        "nothing on test",
    ),
    "no split": (changed(", select: val", ""), ["compare.select is missing"], "The split on which anything was chosen"),
    "no such baseline": (
        changed("baseline: dense", "baseline: denes"),
        ["a.study.yaml:7:21: no such arm 'denes'; allowed: dense, sparse; did you mean 'dense'?"],
        "",
    ),
    "an override of a recipe": (
        changed("method=sparse,", "optim.stps=3, method=sparse,"),
        ["a.study.yaml:6:24: override 'optim.stps=3': unknown key 'stps' in optim"],
        "did you mean 'steps'?",
    ),
    "no such recipe": (
        changed("base.yaml", "bse.yaml"),
        ["a.study.yaml:2:9: recipe 'bse.yaml': no such file or shipped recipe"],
        "did you mean 'base.yaml'?",
    ),
    "no recipe": (
        changed("recipe: base.yaml\n", ""),
        ["a.study.yaml:4:3: arms.dense names no recipe"],
        "write `recipe: PATH`",
    ),
    "a seed twice": (
        changed("[0, 1]", "[0, 1, 0]"),
        ["a.study.yaml:3:8: seeds holds 0 more than once"],
        "one run per seed",
    ),
    "adapting what is not there": (
        changed("  dense:\n", "  dense:\n  few: {adapt: sparce, task: normals}\n"),
        ["no such arm 'sparce'; allowed: dense, sparse; did you mean 'sparse'?"],
        "",
    ),
    "adapting to what the recipe does not name": (
        changed("  dense:\n", "  dense:\n  few: {adapt: dense, task: normals}\n"),
        ["arm 'few' is adapted to 'normals', which its recipe does not name; allowed: one of segmentation, depth"],
        "`unseen.normals={}` adds it",
    ),
    "shots without adapt": (
        changed("  dense:", "  dense: {shots: 5}"),
        ["arms.dense is a mapping; only an arm with `adapt: ARM` reads shots"],
        "",
    ),
    "adapt without a task": (
        changed("  dense:\n", "  dense:\n  few: {adapt: dense}\n"),
        ["an arm with `adapt` needs `task: NAME`"],
        "",
    ),
    "a circle": (
        changed("  dense:\n", '  dense: {overrides: ["sparsity.reference={arm.sparse}"]}\n').replace(
            "[method=sparse,", '["sparsity.reference={arm.dense}", method=sparse,'
        ),
        ["arms wait for each other: "],
        "an arm runs after those that its overrides name",
    ),
    "a reference to nobody": (
        changed("[method=sparse,", '["sparsity.reference={arm.dens}", method=sparse,'),
        ["a.study.yaml:6:24: `{arm.dens}`: no such arm 'dens'"],
        "did you mean 'dense'?",
    ),
    "a task that nobody trains": (
        STUDY + "hold_out: {tasks: [normals], arms: [dense]}\n",
        ["a.study.yaml:8:20: the recipe of arm 'dense' trains no task 'normals'; its tasks are segmentation, depth"],
        "",
    ),
    "a tuned value": (
        changed("  dense:", "  dense: {tune: {optim.lr: [1e-3, fast]}}"),
        ["optim.lr is the text 'fast'"],
        "a number greater than 0",
    ),
    "a seed": (
        changed("method=sparse,", "seed=7, method=sparse,"),
        ["a.study.yaml:6:24: override 'seed=7': the seed of a study cannot be overridden"],
        "`seeds` of the study file and --seeds say which seeds are run",
    ),
    "adapting several networks": (
        changed("  dense:\n", "  dense: {overrides: [method=single-task]}\n  few: {adapt: dense, task: depth}\n"),
        ["a.study.yaml:6:16: arm 'dense' trains 2 networks, one a task"],
        "adapt an arm of another method",
    ),
    "holding a task out of several networks": (
        changed("  dense:\n", "  dense: {overrides: [method=single-task]}\n")
        + "hold_out: {tasks: [depth], arms: [dense]}\n",
        ["a.study.yaml:8:35: arm 'dense' trains 2 networks"],
        "what is adapted is one network",
    ),
    "holding a task out of the structure of an arm that sees it": (
        changed("  dense:\n", '  dense:\n  thin: {overrides: ["backbone.structure={arm.sparse}"]}\n')
        + "hold_out: {tasks: [depth], arms: [dense, thin]}\n",
        ["a.study.yaml:9:42: arm 'thin' has the structure of arm 'sparse', which sees the tasks that are left out"],
        "add 'sparse' to hold_out.arms, or remove 'thin'",
    ),
    "the same, the structure within a mapping": (
        changed("  dense:\n", '  dense:\n  thin: {overrides: ["backbone={structure: {arm.sparse}}"]}\n')
        + "hold_out: {tasks: [depth], arms: [dense, thin]}\n",
        ["a.study.yaml:9:42: arm 'thin' has the structure of arm 'sparse', which sees the tasks that are left out"],
        "add 'sparse' to hold_out.arms, or remove 'thin'",
    ),
    "the same, and an arm whose name only sounds like it": (
        changed(
            "  dense:\n",
            "  structure: {}\n"
            '  thin: {overrides: ["sparsity.reference={arm.structure}", "backbone={model: a, structure: {arm.sparse}}"]}\n'
            "  dense:\n",
        )
        + "hold_out: {tasks: [depth], arms: [dense, thin]}\n",
        ["a.study.yaml:10:42: arm 'thin' has the structure of arm 'sparse', which sees the tasks that are left out"],
        "add 'sparse' to hold_out.arms, or remove 'thin'",
    ),
    "no single-task arm": (
        changed("baseline: dense,", "baseline: dense, single_task: dense,"),
        ["a.study.yaml:7:41: the recipe of arm 'dense' has method multi-task"],
        "an arm with `method: single-task`",
    ),
    "empty": ("", ["a.study.yaml: the file is empty"], "a study has at least name"),
    "no YAML": ("overrides: [a={}, b]", ["a.study.yaml:1:15: not valid YAML"], "close the list"),
    "a list": ("[1]", ["a.study.yaml:1:1: the file holds no mapping"], ""),
}


@pytest.mark.parametrize(("text", "found", "allowed"), BAD.values(), ids=BAD.keys())
def test_a_mistake_is_told_at_its_place(bench: Bench, text: str, found: list[str], allowed: str) -> None:
    with pytest.raises(RecipeErrors) as caught:
        bench.load(text)
    told = str(caught.value)
    for part in [*found, allowed]:
        assert part in told


def test_what_is_no_file_is_refused_with_the_shipped_names(tmp_path: Path) -> None:
    with pytest.raises(RecipeErrors, match=r"studies/scenes/smok: no such file or shipped study; .* did you mean"):
        load_study("studies/scenes/smok")
    with pytest.raises(RecipeErrors, match=r"is a folder; a study is a \.yaml file"):
        load_study(tmp_path)


def test_there_are_shipped_studies() -> None:
    assert {"studies/scenes/smoke", "studies/nyuv2/protocol", "studies/celebamask_hq_mini/half"} <= set(STUDIES)


@pytest.mark.parametrize("name", STUDIES)
def test_every_arm_of_a_shipped_study_loads(name: str) -> None:
    loaded = load_study(name)
    for arm in loaded.arms.values():
        assert loaded.recipes.load(arm).recipe.tasks


@pytest.mark.parametrize(("name", "summary", "path"), list_studies(), ids=STUDIES)
def test_a_shipped_study_says_what_it_is_and_how_to_run_it(name: str, summary: str, path: Path) -> None:
    assert summary.endswith(".")
    assert f"#   mstasks study {name}" in path.read_text("utf-8")


def test_studies_are_not_listed_as_recipes() -> None:
    assert [name for name, _, _ in list_recipes() if "study" in name] == []


def test_holding_a_task_out_moves_it_to_unseen_and_adapts_to_it(bench: Bench) -> None:
    text = STUDY + "overrides: [tasks.depth.loss=l1]\nhold_out: {tasks: [depth], arms: [dense], shots: [5, 10]}\n"
    loaded = bench.load(text)
    assert list(loaded.arms) == ["dense", "sparse", "dense-without-depth", "dense-to-depth"]
    recipe = loaded.recipes.load(loaded.arms["dense-without-depth"]).recipe
    assert list(recipe.tasks) == ["segmentation"]
    assert recipe.unseen["depth"].options is not None
    assert recipe.unseen["depth"].options.model_dump()["loss"] == "l1"
    to_depth = loaded.arms["dense-to-depth"]
    assert (to_depth.adapts, to_depth.task, to_depth.shots) == ("dense-without-depth", "depth", (5, 10))


@pytest.mark.parametrize("added", [[], ["tasks.normals={}"]], ids=["in the file", "on the command line"])
def test_a_task_that_an_override_adds_can_be_held_out(bench: Bench, added: list[str]) -> None:
    text = (
        STUDY + "hold_out: {tasks: [normals], arms: [dense]}\n" + ("" if added else "overrides: ['tasks.normals={}']\n")
    )
    loaded = bench.load(text, added)
    recipe = loaded.recipes.load(loaded.arms["dense-without-normals"]).recipe
    assert (list(recipe.tasks), list(recipe.unseen)) == (["segmentation", "depth"], ["normals"])


def test_a_reference_follows_the_arm_that_is_held_out_too(bench: Bench) -> None:
    text = STUDY.replace("[method=sparse,", '["sparsity.reference={arm.dense}", method=sparse,')
    loaded = bench.load(text + "hold_out: {tasks: [depth], arms: [dense, sparse]}\n")
    assert loaded.arms["sparse-without-depth"].needs == ("dense-without-depth",)
    assert loaded.arms["sparse"].needs == ("dense",)


def test_overrides_of_the_command_line_come_last(bench: Bench) -> None:
    text = (
        STUDY.replace("  dense:", "  dense: {overrides: [optim.steps=5]}")
        + "overrides: [optim.steps=6, optim.lr=0.5]\n"
    )
    loaded = bench.load(text)
    optim = loaded.recipes.load(loaded.arms["dense"]).recipe.optim
    assert (optim.steps, optim.lr) == (5, 0.5)
    loaded = bench.load(text, ["optim.steps=7"])
    assert loaded.recipes.load(loaded.arms["dense"]).recipe.optim.steps == 7
