"""Benchmarks of hemicycle beside what its users would write or use instead."""
