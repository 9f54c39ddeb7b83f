"""What kind of source `data.source` names, told from what it holds."""

from pathlib import Path

from stages.ingest import idx
from stages.ingest.class_folders import copy_class_folders
from stages.ingest.layout import holds_class_folders
from stages.ingest.npy_files import copy_arrays
from stages.ingest.parameters import Data
from stages.ingest.raw import NAMES, some
from stages.running.process import InputError

ARRAYS = "the four arrays as .npy files"
IDX = "IDX files such as train-images-idx3-ubyte"
CLASS_FOLDERS = "pictures in class folders such as cat/1.png or train/cat/1.png"


def copy_source(source: Path, raw: Path, data: Data) -> list[str]:
    """Write the four arrays of a source of any kind to the folder `raw`: all four or none.

    Links to files are followed, out of the source too. An option that such a source has no use for has no effect.

    Returns:
        Lines for the log: what the source was taken for, and notes.

    Raises:
        InputError: it is missing, is of no kind or of several, is not whole or not safe.
    """
    if not source.exists():
        raise InputError(f"{source}: no such file or folder (data.source in params.yaml)")
    kind = recognise(source)
    if kind == ARRAYS:
        lines = [copy_arrays(source, raw)]
    elif kind == IDX:
        lines = [idx.copy_idx(source, raw, data.transposed)]
    else:
        lines = copy_class_folders(source, raw, data)
    return [f"{source}: {line}" for line in lines]


def recognise(source: Path) -> str:
    """Tell the kind of a source: ARRAYS (an archive, too), IDX or CLASS_FOLDERS.

    Raises:
        InputError: it is of no kind, or of several.
    """
    if not source.is_dir():
        if source.is_file() and _starts_as_archive(source):
            return ARRAYS
        raise InputError(f"{source}: must be an .npz archive or a folder of {ARRAYS}, of {IDX}, or of {CLASS_FOLDERS}")
    names = sorted(path.name for path in source.iterdir() if not path.name.startswith("."))
    matches = {
        ARRAYS: any(f"{name}.npy" in names for name in NAMES),
        IDX: any(map(idx.NAME.fullmatch, names)),
        CLASS_FOLDERS: holds_class_folders(source),
    }
    kinds = [kind for kind, matched in matches.items() if matched]
    if len(kinds) > 1:
        raise InputError(f"{source}: holds {' and '.join(kinds)}; must be of one kind")
    if not kinds:
        looked_for = f"{ARRAYS} ({', '.join(NAMES)}), {IDX}, or {CLASS_FOLDERS}"
        raise InputError(f"{source}: no data found: looked for {looked_for}; there is {some(names) or 'nothing'}")
    return kinds[0]


def _starts_as_archive(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == b"PK"
