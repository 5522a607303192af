"""The 7 pretraining sets and 34 tasks of the DABS benchmark, each read from the folder its publisher distributes.

Source: A. Tamkin et al., "DABS: A Domain-Agnostic Benchmark for Self-Supervised Learning", NeurIPS 2021, datasets and
benchmarks track; its code at github.com/alextamkin/dabs says what its paper does not.
"""
