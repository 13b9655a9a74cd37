"""Names the machine code that pyproject.toml has no settled word for."""

from setuptools import Extension, setup

setup(ext_modules=[Extension("primes._count", ["src/primes/_count.c"])])
