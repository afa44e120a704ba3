"""A libnvidia-ml.so.1 whose GPUs are a scenario's: what the real agent runs on without a GPU.

Its defaults are what an H100 with driver 580 answered, idle and under a full load. ``library`` compiles it,
``scenario`` writes the file that drives it; the C files are the library itself.
"""
