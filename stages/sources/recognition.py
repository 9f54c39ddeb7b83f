"""What kind of source `data.source` names, told from what it holds."""

from pathlib import Path

from stages.running.process import InputError
from stages.sources import idx
from stages.sources.arrays import copy_arrays
from stages.sources.class_folders import copy_class_folders
from stages.sources.layout import holds_class_folders
from stages.sources.options import Options
from stages.sources.raw import NAMES
from stages.sources.tree import Tree, some

ARRAYS = "the four arrays as .npy files"
IDX = "IDX files such as train-images-idx3-ubyte"
CLASS_FOLDERS = "pictures in class folders such as cat/1.png or train/cat/1.png"


def copy_source(source: Path, raw: Path, options: Options) -> list[str]:
    """Write the four arrays of a source of any kind to the folder `raw`: all four or none.

    Returns:
        Lines for the log: what the source was taken for, and notes.

    Raises:
        InputError: it is missing, is of no kind or of several, is not whole or not safe, or an option has no effect.
    """
    if not source.exists():
        raise InputError(f"{source}: no such file or folder (data.source in params.yaml)")
    kind = recognise(source)
    if kind == ARRAYS:
        options.check_effect(f"{source}, arrays that are copied as they are")
        lines = [copy_arrays(source, raw)]
    elif kind == IDX:
        options.check_effect(f"{source}, IDX files", "transposed")
        lines = idx.copy_idx(source, raw, options.transposed)
    else:
        lines = copy_class_folders(source, raw, options)
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
    tree = Tree(source)
    folders, files = tree.entries(source)
    names = [folder.name for folder in folders] + [Path(file).name for file in files]
    matches = {
        ARRAYS: any(f"{name}.npy" in names for name in NAMES),
        IDX: any(map(idx.NAME.fullmatch, names)),
        CLASS_FOLDERS: holds_class_folders(source),
    }
    kinds = [kind for kind, matched in matches.items() if matched]
    if len(kinds) > 1:
        raise InputError(f"{source}: holds {' and '.join(kinds)}; must be of one kind")
    if not kinds:
        tree.refuse_links()
        looked = f"{ARRAYS} ({', '.join(NAMES)}), {IDX}, or {CLASS_FOLDERS}"
        raise InputError(f"{source}: no data found: looked for {looked}; there is {some(names) or 'nothing'}")
    return kinds[0]


def _starts_as_archive(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == b"PK"
