"""A folder of tar files in, where each picture in them lies and its class out: for pictures too many to be files.

The layout is webdataset's: `0001.jpg` and `0001.cls`, the number of its class, side by side in uncompressed tar files.
Pictures are found by their place in the file, not streamed, so that the order stays keyed and a training can go on in
the middle of an epoch.
"""

from __future__ import annotations

import os
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from randquant.errors import UserError


@dataclass(frozen=True)
class Shards:
    """Where pictures lie in the tar files of one folder.

    Args:
        folder: of the tar files.
        names: of the tar files.
        members: bytes [N], the name of each picture in its tar file.
        places: int64 [N, 3]: which tar file, the first byte, and how many.
    """

    folder: Path
    names: tuple[str, ...]
    members: NDArray[np.bytes_]
    places: NDArray[np.int64]

    def __getitem__(self, position: int) -> Path:
        """What a picture is called where it is spoken of: folder/0001.tar/picture.jpg."""
        name = os.fsdecode(bytes(self.members[position]))
        return self.folder / self.names[int(self.places[position, 0])] / name

    def content(self, position: int) -> BytesIO:
        """The bytes of a picture.

        Raises:
            UserError: the tar file cannot be read any more.
        """
        shard, start, length = (int(one) for one in self.places[position])
        try:
            with (self.folder / self.names[shard]).open("rb") as file:
                file.seek(start)
                return BytesIO(file.read(length))
        except OSError as problem:
            raise UserError(f"data: {self[position]} cannot be read ({problem.strerror})") from problem


def read_shards(folder: Path, suffixes: Sequence[str]) -> tuple[Shards, list[int] | None] | None:
    """The pictures in all tar files of a folder, in the order of their names, and their classes if they have any.

    Args:
        folder: with or without tar files.
        suffixes: of pictures.

    Returns:
        None where there are no tar files.

    Raises:
        UserError: a tar file is broken or compressed, holds no pictures, or has classes for some of them alone.
    """
    names = tuple(sorted(one.name for one in folder.iterdir() if one.suffix == ".tar" and one.is_file()))
    if not names:
        return None
    members: list[bytes] = []
    places: list[tuple[int, int, int]] = []
    labels: list[int] = []
    for number, name in enumerate(names):
        try:
            with tarfile.open(folder / name, "r:") as tar:
                found = {member.name: member for member in tar if member.isfile()}
                for path, member in found.items():
                    if Path(path).suffix.lower() not in suffixes:
                        continue
                    members.append(os.fsencode(path))
                    places.append((number, member.offset_data, member.size))
                    label = found.get(f"{path.rpartition('.')[0]}.cls")
                    if label is not None and (held := tar.extractfile(label)) is not None:
                        labels.append(_number(held.read(), folder / name / label.name))
        except UserError:
            raise
        except (tarfile.TarError, ValueError, EOFError) as problem:
            raise UserError(f"data: {folder / name} is no uncompressed tar file ({problem})") from None
    if not members:
        raise UserError(f"data: the tar files in {folder} hold no pictures ({', '.join(suffixes)})")
    if labels and len(labels) < len(members):
        raise UserError(f"data: {len(members) - len(labels)} pictures in {folder} have no .cls beside them")
    return Shards(folder, names, np.array(members), np.array(places, dtype=np.int64)), labels or None


def _number(content: bytes, path: Path) -> int:
    """The class that a .cls file holds."""
    told = content.strip()
    if not told.isdigit():
        raise UserError(f"data: {path} holds {told[:20]!r}, must be the number of a class, from 0")
    return int(told)
