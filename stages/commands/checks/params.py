"""Problems in params.yaml, a line each: unknown, missing, wrong and contradictory keys; and its JSON schema."""

import json
import reprlib
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from stages.ingest.parameters import Data
from stages.network.parameters import Model, TensorFlow
from stages.predict_sample.parameters import Predict
from stages.prepare.parameters import Prepare
from stages.running.params import PARAMS_FILE, Section
from stages.running.process import reason
from stages.train.parameters import Train


class Gate(Section):
    """The limits of the gate of continuous integration."""

    accuracy: Annotated[float, Meta(ge=0, lt=1)] | None
    level: Annotated[float, Meta(gt=0, lt=1)]


class Params(Section):
    """All of params.yaml."""

    data: Data
    prepare: Prepare
    model: Model
    train: Train
    tensorflow: TensorFlow
    predict: Predict
    gate: Gate


def params_problems(values: Mapping[Any, Any]) -> list[str]:
    """Say what is wrong with the content of params.yaml, a line each: unknown, missing, wrong, contradictory."""
    problems = _problems(values, Params, "")
    if not problems:
        try:
            msgspec.convert(values, Params)
        except msgspec.ValidationError as error:  # from a section's __post_init__
            problems.append(reason(error).partition(" - at ")[0])
    return sorted(f"{PARAMS_FILE}: {problem}" for problem in problems)


def _problems(values: Mapping[Any, Any], section: type[Section], prefix: str) -> list[str]:
    problems = []
    fields = {field.name: field.type for field in msgspec.structs.fields(section)}
    for key in values.keys() - fields.keys():
        close = "".join(f"; did you mean {prefix}{name}?" for name in get_close_matches(str(key), fields, n=1))
        problems.append(f"{prefix}{key} = {shown(values[key])}: unknown key{close}")
    for key, kind in fields.items():
        name = f"{prefix}{key}"
        if isinstance(kind, type) and issubclass(kind, Section):
            if isinstance(content := values.get(key), Mapping):
                problems += _problems(content, kind, f"{name}.")
            else:
                problems.append(f"{name} = {shown(content)}: must be a section with keys of its own")
        elif key not in values:
            problems.append(f"{name}: missing; must be {allowed(msgspec.json.schema(kind))}")
        else:
            try:
                msgspec.convert(values[key], kind)
            except msgspec.ValidationError:
                must = allowed(msgspec.json.schema(kind))
                problems.append(f"{name} = {shown(values[key])}: must be {must}")
    return problems


def allowed(schema: Mapping[str, Any]) -> str:
    """What a JSON schema allows, in words: `a whole number, at least 1, at most 5`."""
    if "description" in schema:
        return str(schema["description"])
    if "enum" in schema:
        return " or ".join(map(str, schema["enum"]))
    if "anyOf" in schema:
        kinds = sorted(schema["anyOf"], key=lambda kind: kind.get("type") != "null")
        return " or ".join(map(allowed, kinds))
    if schema["type"] == "array":
        length = f" of {schema['maxItems']}" if "maxItems" in schema else ""
        return f"a list{length}, each {allowed(schema['items'])}"
    bounds = {"minimum": "at least", "exclusiveMinimum": "above", "maximum": "at most", "exclusiveMaximum": "below"}
    kind = {"integer": "a whole number", "number": "a number", "boolean": "true or false"}.get(schema["type"], "null")
    return ", ".join([kind, *(f"{words} {schema[bound]:,}" for bound, words in bounds.items() if bound in schema)])


def shown(value: Any) -> str:
    """A value shortened for a message: nested aliases in YAML can make it larger than memory."""
    return reprlib.repr(value)[:300]


def schema() -> str:
    """The JSON schema of params.yaml."""
    return json.dumps(msgspec.json.schema(Params), indent=2) + "\n"
