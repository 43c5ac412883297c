"""The programs that are measured and those that measure, built as what is in the image is: with the profile `dist` and the
flags of deploy/image/flags.sh. One door: `build`.
"""

import functools
import os
import pathlib
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
NEEDED = ("gatepost", "examples/load", "examples/app")
TARGETS = ("--bin", "gatepost", "--example", "load", "--example", "app", "--example", "relay")


def folder():
    """Where the programs are. GATEPOST_BENCH_BIN takes them from elsewhere, for trying out."""
    given = os.environ.get("GATEPOST_BENCH_BIN")
    return pathlib.Path(given) if given else target() / host() / "dist"


def target():
    """Apart from what others build: with other flags each would undo the other's."""
    return ROOT / os.environ.get("CARGO_TARGET_DIR", "target") / "benches"


@functools.cache
def host():
    """The machine as rustc names it: only with `--target` are flags for the programs alone."""
    told = subprocess.run(["rustc", "-vV"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60).stdout
    return next(line.removeprefix("host: ") for line in told.splitlines() if line.startswith("host: "))


def build(progress):
    """Cargo shows its own progress. It has an hour: the first build of all dependencies takes some minutes."""
    progress.say("building gatepost and the programs that measure it (profile dist; the first time takes minutes)")
    began = time.monotonic()
    command = ["nice", "cargo", "build", "--profile", "dist", "--target", host(), *TARGETS]
    flags = subprocess.run([ROOT / "deploy/image/flags.sh"], capture_output=True, text=True, check=True, timeout=20).stdout
    environment = {**os.environ, "RUSTFLAGS": flags, "CARGO_TARGET_DIR": str(target())}
    if subprocess.run(command, cwd=ROOT, timeout=3600, env=environment).returncode != 0:
        raise SystemExit("benches/run: the build failed; what cargo said is above")
    progress.say(f"built in {time.monotonic() - began:.0f} s")


def missing():
    return [name for name in NEEDED if not (folder() / name).exists()]
