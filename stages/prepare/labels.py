"""Convert labels of any common form - whole numbers, a column, one-hot, names - to class numbers from 0."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stages.arrays.class_names import is_name, natural_order
from stages.arrays.npy import chunks
from stages.running.process import InputError, reason

MOST_CLASSES = 100_000


def class_names(
    labels: Mapping[str, NDArray[Any]], classes: int | None, given: Sequence[str] | None
) -> list[int | str]:
    """The class names, in the order of the class numbers: the labels' own names, or the given ones, or 0, 1, 2...

    Args:
        labels: name to set of labels: whole numbers (n,) or (n, 1) of any integer or float type, one-hot (n, classes),
            or names (n,), which are sorted in natural order.
        classes: prepare.classes, the required number, or None.
        given: prepare.class_names, or None.

    Raises:
        InputError: labels have no such form, the sets' forms differ, or there are not `classes` classes.
    """
    forms = {name: _form(values, name) for name, values in labels.items()}
    if len(set(forms.values())) > 1:
        differing = ", ".join(f"{name} holds {form}" for name, form in forms.items())
        raise InputError(f"{differing}; must be of one form")
    form = next(iter(forms.values()))
    if form == "names":
        names = natural_order(set().union(*(_names(values, name) for name, values in labels.items())))
        if given is not None:
            raise InputError("params.yaml: prepare.class_names: must be null, since the labels are names already")
        if classes not in (None, len(names)):
            raise InputError(f"params.yaml: prepare.classes = {classes}: the labels hold {len(names)} names")
        return _at_least_two(names)
    if form == "one-hot":
        widths = {name: values.shape[1] for name, values in labels.items()}
        number = classes or next(iter(widths.values()))
        for name, width in widths.items():
            if width != number:
                raise InputError(f"{name}: one-hot labels of {width} classes, must be {number}")
    else:
        number = classes or _number_of_classes(labels)
    if given is not None and (len(set(given)) < len(given) or not all(map(is_name, given))):
        raise InputError(f"params.yaml: prepare.class_names = {given}: names must differ, and have no line breaks")
    if given is not None and len(given) != number:
        raise InputError(f"params.yaml: prepare.class_names: {len(given)} names for {number} classes; must be as many")
    return _at_least_two(list(range(number)) if given is None else list(given))


def class_numbers(labels: NDArray[Any], name: str, classes: Sequence[int | str]) -> NDArray[Any]:
    """The class of each row, 0..len(classes)-1, in the smallest unsigned type: millions stay in memory.

    Raises:
        InputError: a label is not a class.
    """
    form = _form(labels, name)
    numbers = np.empty(len(labels), np.min_scalar_type(len(classes) - 1))
    places = {value: place for place, value in enumerate(classes)}
    for chunk in chunks(labels):
        rows = labels[chunk]
        if form == "names":
            numbers[chunk] = [places[value] for value in _as_text(rows, name)]
        elif form == "one-hot":
            wrong = ((rows != 0) & (rows != 1)).any(axis=1) | (rows.sum(axis=1) != 1)
            if wrong.any():
                row = chunk.start + int(wrong.argmax())
                raise InputError(f"{name}: row {row}: one-hot labels must have a single 1, and 0 elsewhere")
            numbers[chunk] = rows.argmax(axis=1)
        else:
            numbers[chunk] = _whole(rows, name, chunk.start, len(classes), ", below prepare.classes in params.yaml")
    return numbers


def one_hot(numbers: NDArray[Any], classes: int) -> NDArray[np.float32]:
    """Turn whole numbers in 0..classes-1, of shape (n,), into float32 rows of shape (n, classes) with a single 1."""
    return (numbers[:, np.newaxis] == np.arange(classes)).astype(np.float32)


def _form(labels: NDArray[Any], name: str) -> str:
    kind, shape = labels.dtype.kind, labels.shape
    if kind not in "iufbUS":
        raise InputError(f"{name}: dtype {labels.dtype}, must be an integer, float or text type")
    if len(shape) == 2 and shape[1] > 1 and kind not in "US":
        return "one-hot"
    if len(shape) == 1 or (len(shape) == 2 and shape[1] == 1):
        return "names" if kind in "US" else "numbers"
    raise InputError(f"{name}: shape {shape}, must be (n,), a column (n, 1), or one-hot (n, classes)")


def _number_of_classes(labels: Mapping[str, NDArray[Any]]) -> int:
    """The largest label, a whole number, plus 1.

    Raises:
        InputError: most of the classes do not occur. One wrong label of 99,999 would make files of gigabytes.
    """
    occurs = np.zeros(MOST_CLASSES, bool)
    for name, values in labels.items():
        for chunk in chunks(values):
            occurs[_whole(values[chunk], name, chunk.start, MOST_CLASSES)] = True
    number, occurring = int(np.flatnonzero(occurs).max(initial=0)) + 1, int(occurs.sum())
    if 2 * occurring < number:
        raise InputError(
            f"{', '.join(labels)}: labels up to {number - 1}, but only {occurring} of {number} classes occur; if that "
            f"is right, prepare.classes in params.yaml must say {number}"
        )
    return number


def _whole(rows: NDArray[Any], name: str, start: int, classes: int, why: str = "") -> NDArray[Any]:
    """The labels of a chunk, (n,) or (n, 1), as whole numbers."""
    flat = rows.reshape(-1)
    if flat.dtype.kind == "f":
        flat = flat.astype(np.float64)  # which holds every number of classes; float16 does not
    wrong = ~((flat >= 0) & (flat < classes) & (np.floor(flat) == flat))
    if wrong.any():
        row = int(wrong.argmax())
        raise InputError(
            f"{name}: label {flat[row]} in row {start + row}, must be a whole number in 0..{classes - 1}{why}"
        )
    return flat.astype(np.int64)


def _names(labels: NDArray[Any], name: str) -> set[str]:
    names = set().union(*(set(_as_text(labels[chunk], name)) for chunk in chunks(labels)))
    for text in names:
        if not is_name(text):
            raise InputError(f"{name}: label {text!r}, must be a name without line breaks or control characters")
    return names


def _as_text(rows: NDArray[Any], name: str) -> list[str]:
    flat = rows.reshape(-1)
    try:
        return (np.char.decode(flat, "utf-8") if flat.dtype.kind == "S" else flat).tolist()
    except (UnicodeDecodeError, SystemError) as error:  # numpy's, for an invalid code point
        raise InputError(f"{name}: labels that are not Unicode text: {reason(error)}") from error


def _at_least_two(names: list[Any]) -> list[Any]:
    if len(names) < 2:
        raise InputError(f"the labels hold one class only ({names[0]}); must be at least two to tell apart")
    return names
