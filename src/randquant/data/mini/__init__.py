"""The mini suite: the benchmark in small, on real data that packages carry, one file a data set.

Its figures check the pipeline and the direction; they are not the published benchmark's.
"""
