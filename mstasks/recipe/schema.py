"""JSON schema of recipes for editors, with the options of every plugin that can be used. Imports no torch."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

from mstasks.errors import PluginError
from mstasks.options import Options
from mstasks.plugins import Registry, SpecKind
from mstasks.recipe.core_keys import ENTRIES, OPTIONS
from mstasks.recipe.model import Recipe
from mstasks.recipe.schema_walk import everywhere, nothing_required, or_variable, references_renamed
from mstasks.specs import Spec

Schema = dict[str, Any]

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_EXTENDING = "InExtension"
_EXTENDS = {
    "description": "The recipe that this one changes: a path, the name of a shipped recipe, or a list of them.",
    "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}],
}
_TRANSFORM = {
    "anyOf": [
        {"type": "string", "description": "An albumentations class, with its defaults."},
        {
            "type": "object",
            "minProperties": 1,
            "maxProperties": 1,
            "additionalProperties": {"anyOf": [{"type": "object"}, {"type": "null"}]},
        },
    ]
}


def recipe_schema(registry: Registry) -> Schema:
    """The schema of a whole recipe, JSON schema draft 2020-12.

    In a recipe that extends another nothing is required: what is missing may be inherited.

    Args:
        registry: Plugins whose options are described. One whose options model cannot be imported is left out.
    """
    whole = everywhere(_whole(registry), or_variable)
    full = {**whole.pop("$defs"), "Recipe": whole}
    extending = {f"{name}{_EXTENDING}": _for_extension(schema) for name, schema in full.items()}
    return {
        "$schema": _DIALECT,
        "title": "mstasks recipe",
        "type": "object",
        "if": {"required": ["extends"]},
        "then": {"$ref": f"#/$defs/Recipe{_EXTENDING}"},
        "else": {"$ref": "#/$defs/Recipe"},
        "$defs": {**full, **extending},
    }


def _for_extension(schema: Schema) -> Schema:
    return everywhere(everywhere(schema, nothing_required), references_renamed(_EXTENDING))


def _whole(registry: Registry) -> Schema:
    schema = Recipe.model_json_schema()
    definitions = schema["$defs"]
    data, entry, named = (definitions.pop(name) for name in ("Data", "TaskEntry", "Named"))
    definitions.pop("Options")
    data["properties"]["augment"]["items"] = _TRANSFORM
    heads = definitions["Head"]["properties"]["name"]["enum"]
    entry["properties"]["head"]["anyOf"].append({"enum": heads})

    datasets = _options_by_name(registry, "dataset", definitions)
    tasks = _options_by_name(registry, "task", definitions)
    for name, options in tasks.items():
        definitions |= _task_definitions(entry, name, options)
    properties = schema["properties"]
    properties["extends"] = _EXTENDS
    properties["data"] = _any_of([_section(data, "dataset", *item) for item in datasets.items()])
    for holder in ENTRIES:
        properties[holder] |= {
            "propertyNames": {"pattern": next(iter(properties[holder].pop("patternProperties")))},
            "properties": {key: _entry(tasks, key) for key in tasks},
            "additionalProperties": _entry(tasks, None),
        }
    properties["unseen"]["type"] = ["object", "null"]
    properties["adapt"]["default"]["strategy"].pop(OPTIONS)  # editors offer the default as it stands
    for owner, key, kind in _strategies(schema):
        owner[key] = _strategy(owner[key], named, _options_by_name(registry, kind, definitions))
    return schema


def _strategies(schema: Schema) -> list[tuple[Schema, str, SpecKind]]:
    """The properties that a strategy stands among, its key there, and its kind."""
    definitions = schema["$defs"]
    return [
        (schema["properties"], "loss_weighting", "loss-weighting"),
        (definitions["Sparsity"]["properties"], "strength", "strength"),
        (definitions["Meta"]["properties"], "update", "update"),
        (definitions["Adapt"]["properties"], "strategy", "adaptation"),
    ]


def _strategy(plain: Schema, named: Schema, options: dict[str, Schema]) -> Schema:
    """A strategy: its name alone, or a mapping of its name and its options."""
    long_forms = [_section(named, "name", *item) for item in options.items()]
    return {"description": plain["description"], "anyOf": [{"enum": list(options)}, *long_forms]}


def _options_by_name(registry: Registry, kind: SpecKind, definitions: Schema) -> dict[str, Schema]:
    found = {spec.name: _options(registry, spec, kind, definitions) for spec in registry.specs(kind)}
    return {name: schema for name, schema in found.items() if schema is not None}


def _options(registry: Registry, spec: Spec, kind: SpecKind, definitions: Schema) -> Schema | None:
    """The schema of one plugin's options, its definitions put among the common ones; None if it cannot be used."""
    prefix = f"{kind}.{spec.name}"
    try:
        model = registry.options_model(spec) or Options
        schema = model.model_json_schema(ref_template=f"#/$defs/{prefix}.{{model}}")
    except PluginError:
        return None
    except Exception:  # a plugin's own types may have no schema; then its options are left to the validation
        return {"additionalProperties": True}
    definitions |= {f"{prefix}.{name}": inner for name, inner in schema.pop("$defs", {}).items()}
    return schema


def _section(core: Schema, key: str, name: str, options: Schema) -> Schema:
    """An open section that names this plugin under `key`: the core's keys and the plugin's."""
    section = copy.deepcopy(core)
    properties = section["properties"]
    properties.pop(OPTIONS)
    properties |= options.get("properties", {})
    properties[key] = {"const": name, "description": properties[key]["description"]}
    section["required"] = [*section["required"], *options.get("required", [])]
    section["additionalProperties"] = options.get("additionalProperties", False)
    section["title"] = f"{core['title']} {name}"
    return section


def _task_definitions(core: Schema, name: str, options: Schema) -> Schema:
    """An entry that names its task, and one whose key does; the target is by default the key."""
    named = _section(core, "task", name, options)
    named["required"].remove("target")
    by_key = {**named, "required": [key for key in named["required"] if key != "task"]}
    return {f"Task {name}": named, f"Task {name} by its key": by_key}


def _entry(tasks: Iterable[str], key: str | None) -> Schema:
    """An entry of `tasks` or `unseen` under a key. The name of a task as key chooses that task."""
    names = [f"Task {name} by its key" if name == key else f"Task {name}" for name in tasks]
    return _any_of([*({"$ref": f"#/$defs/{name}"} for name in names), {"type": "null"}])


def _any_of(schemas: list[Schema]) -> Schema:
    return {"anyOf": schemas} if schemas else {"not": {}}
