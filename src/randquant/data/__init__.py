"""Files in, (inputs, target) out: one short file a data set, one visible line each in the catalogue."""

from randquant.data.batch import Batch, Dataset, Metric, Samples
from randquant.data.catalogue import DATASETS, is_path, open_data
from randquant.data.entry import Entry, Source
from randquant.data.items import Items
from randquant.data.missing import hold_nothing
from randquant.data.own import Form, Own, open_path
from randquant.data.root import data_root

__all__ = [
    "Batch",
    "Dataset",
    "Entry",
    "Form",
    "Items",
    "Metric",
    "Own",
    "Samples",
    "Source",
    "DATASETS",
    "data_root",
    "hold_nothing",
    "is_path",
    "open_data",
    "open_path",
]
