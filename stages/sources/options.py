"""The parameters beside the source, and that none is set in vain."""

from dataclasses import dataclass, fields

from stages.running.params import PARAMS_FILE
from stages.running.process import InputError


@dataclass(frozen=True)
class Options:
    """What section `data` of params.yaml says beside the source; the defaults are those of sources that need nothing.

    Attributes:
        transposed: IDX files store an image column after column.
        test_split: the share of pictures to hold back for the test, where the source has no test folder.
        image_size: [rows, cols] to resize pictures to.
        channels: 1 or 3; unless given, 1 if all pictures are gray, else 3.
        unreadable_pictures: `error` or `leave_out`.
    """

    transposed: bool = False
    test_split: float = 0.2
    image_size: list[int] | None = None
    channels: int | None = None
    unreadable_pictures: str = "error"

    def check_effect(self, what: str, *effective: str) -> None:
        """Check that whatever has no effect on a source is at its default.

        Args:
            what: the source, in words.
            effective: the names of those that have one.

        Raises:
            InputError: some are not, a line each.
        """
        vain = [
            f"{PARAMS_FILE}: data.{field.name} = {getattr(self, field.name)!r}: has no effect on {what}; "
            f"must be {_yaml(field.default)}"
            for field in fields(self)
            if field.name not in effective and getattr(self, field.name) != field.default
        ]
        if vain:
            raise InputError(*vain)


def _yaml(value: object) -> str:
    return {None: "null", False: "false"}.get(value, str(value))  # type: ignore[call-overload]
