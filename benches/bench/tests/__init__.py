"""Tests of what is pure, and of the configurations as the peers themselves judge them.

`python3 -m unittest discover -s benches/bench/tests -t benches`
"""
