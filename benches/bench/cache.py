"""Where what is installed for the bench alone is kept between runs."""

import os
import pathlib


def folder():
    base = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(base) / "gatepost-bench"


def envoy():
    return folder() / "envoy"
