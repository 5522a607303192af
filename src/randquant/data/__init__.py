"""Files in, (inputs, target) out: one short file a data set, one visible line each in the catalogue."""

from randquant.data.batch import Batch, Dataset, Samples
from randquant.data.catalogue import DATASETS, open_data

__all__ = ["Batch", "Dataset", "Samples", "DATASETS", "open_data"]
