"""Timings beside other libraries; how to run and read them: README.md."""
