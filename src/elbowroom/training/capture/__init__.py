"""Steps that are captured once and replayed: a CUDA graph on a GPU, a list of operations on the CPU."""
