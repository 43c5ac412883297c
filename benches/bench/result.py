"""A run as one file. One door each way: `save`, `load`."""

import json
import pathlib
import time

from . import build

SCHEMA = 1


def now():
    return time.strftime("%Y-%m-%dT%H%M%SZ", time.gmtime())


def save(result):
    folder = build.ROOT / "bench-results"
    folder.mkdir(exist_ok=True)
    path = folder / f"{result['date']}.json"
    path.write_text(json.dumps(result, indent=1) + "\n")
    return path


def load(path):
    try:
        result = json.loads(pathlib.Path(path).read_text())
    except (OSError, ValueError) as error:
        raise SystemExit(f"benches/run: {path}: {error}") from None
    if not isinstance(result, dict) or result.get("schema") != SCHEMA:
        raise SystemExit(f"benches/run: {path} is not a result of this version of benches/run")
    return result
