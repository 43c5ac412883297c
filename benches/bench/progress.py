"""What happens right now, on standard error: one line that is rewritten on a terminal, whole lines elsewhere."""

import sys
import time


class Progress:
    def __init__(self, out=sys.stderr):
        self.out, self.began, self.last, self.open = out, time.monotonic(), -10.0, False

    def elapsed(self):
        return time.monotonic() - self.began

    def say(self, text):
        """Something that stays."""
        self.end()
        print(f"[{self.elapsed():4.0f} s] {text}", file=self.out, flush=True)

    def at(self, text):
        """Something that the next replaces. Elsewhere than on a terminal not more than a line in five seconds."""
        if self.out.isatty():
            self.out.write(f"\r\x1b[K[{self.elapsed():4.0f} s] {text}")
            self.out.flush()
            self.open = True
        elif self.elapsed() - self.last >= 5:
            self.last = self.elapsed()
            print(f"[{self.elapsed():4.0f} s] {text}", file=self.out, flush=True)

    def end(self):
        if self.open:
            self.out.write("\r\x1b[K")
            self.open = False
