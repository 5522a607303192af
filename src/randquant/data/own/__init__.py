"""A path of your own in, a data set out: what its samples are is found out, said, and kept with the run.

| file | does |
|---|---|
| open.py | a path to a `Dataset`: opens, splits, fits, names what it inferred |
| source.py | the shape of what is opened; one file a format: arrays, tables, series, images, sounds, texts, index |
| pieces.py, stored.py | tables a piece at a time; of large ones files of columns, which are mapped |
| form.py | what was inferred, as plain values: grids.py, columns.py and words.py turn raw values into inputs |
"""

from randquant.data.own.form import Form
from randquant.data.own.open import Own, may_be_path, open_path, open_source

__all__ = ["Form", "Own", "may_be_path", "open_path", "open_source"]
