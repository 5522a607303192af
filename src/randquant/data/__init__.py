"""Files in, (inputs, target) out: one short file a data set, one visible line each in the catalogue."""

from randquant.data.batch import Batch, Dataset, Metric, Samples
from randquant.data.catalogue import DATASETS, open_data
from randquant.data.entry import Entry, Source
from randquant.data.items import Items

__all__ = ["Batch", "Dataset", "Entry", "Items", "Metric", "Samples", "Source", "DATASETS", "open_data"]
