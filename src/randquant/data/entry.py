"""One line of the catalogue: what a data set is, where it comes from, and the function that reads it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from randquant.data.batch import Dataset, Metric, Samples
from randquant.spec import Spec

Domain = Literal["images", "speech", "english_text", "multilingual_text", "sensor", "medical", "vision_language"]
Role = Literal["pretrain", "transfer", "mini", "vocabulary", "recipe"]


@dataclass(frozen=True)
class Source:
    """A file that may be fetched.

    Args:
        url: where it lies.
        md5, sha256: its sum as its publisher or a maintained library states it; one of the two.
        unpack: whether it is an archive to be unpacked into the data set's folder, or else a file to be put there.
        under: the folder inside the data set's own that it belongs in.
    """

    url: str
    md5: str = ""
    sha256: str = ""
    unpack: bool = True
    under: str = ""


@dataclass(frozen=True)
class Package:
    """Files of a package, fetched by the machine's own client from the registry that it uses.

    Args:
        client: `pip download --no-deps`, `apt-get download` or `npm pack`.
        name, version: of the package, exactly.
        sha256: of the file that the client brings: a wheel or source archive, a Debian package, a tarball.
        members: what is taken out of it, as patterns of paths inside it such as `usr/share/**/*.gz`; each keeps its
            path, under the data set's own folder.
    """

    client: Literal["pip", "apt", "npm"]
    name: str
    version: str
    sha256: str
    members: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A data set of the catalogue.

    Args:
        name: as the command line takes it; for the benchmark, that of the published table.
        title: as the published table prints it.
        domain: as in the published table.
        roles: what it is used for; "recipe" is a set that no suite opens, so that recipes have a fresh test part.
        folder: where it lies under the data root; sets that read the same files share it. "" where it needs none.
        layout: what must stand in that folder, in one line.
        size: of the download, rounded, as its publisher states it; or how many samples, where that is not known.
        licence: the licence or the registration it needs, in a few words; "free" needs none.
        obtain: where to get what is not fetched, in one line that goes on from "obtain it"; "" where all can.
        sources: what `data get` may fetch.
        packages: what `data get` fetches through package clients.
        synthetic: whether its samples are made up here, which every table says.
        needs: names of other entries that must be present, such as a vocabulary.
        metric: what a transfer task is scored by.
        batch: samples of a batch, in the benchmark for its sets.
        read: the entry itself, the data root and whether to keep the benchmark's errors in, the data set out. None
            for files that only other entries read.
        differences: what the default does otherwise than the benchmark's code, one sentence each; `faithful` undoes
            each of them.
        remaining: what is done otherwise even then, so that no figure is equal to a published one.
    """

    name: str
    title: str
    domain: Domain
    roles: tuple[Role, ...]
    read: Callable[[Entry, Path, bool], Dataset] | None
    folder: str = ""
    layout: str = ""
    size: str = ""
    licence: str = ""
    obtain: str = ""
    sources: tuple[Source, ...] = ()
    packages: tuple[Package, ...] = ()
    synthetic: bool = False
    needs: tuple[str, ...] = ()
    metric: Metric = "accuracy"
    batch: int = 64
    differences: tuple[str, ...] = ()
    remaining: tuple[str, ...] = ()

    @property
    def of_benchmark(self) -> bool:
        """Whether the benchmark trains on it or probes it."""
        return not {"pretrain", "transfer"}.isdisjoint(self.roles)

    def dataset(
        self, spec: Spec, parts: Mapping[str, Samples], classes: tuple[str, ...] = (), words: tuple[str, ...] = ()
    ) -> Dataset:
        """A data set of this name and domain, with its metric and batch."""
        return Dataset(self.name, spec, parts, classes, self.domain, self.metric, self.batch, self.synthetic, words)
