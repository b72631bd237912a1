"""Data that comes with the package: real keys, for ``sample_keys``; a trace of a real program, for ``sample_trace``."""
