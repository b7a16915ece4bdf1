"""The steps of one suite, taken one after the other, with a line about each."""

import os
import sys
import threading
import time
import traceback


class Steps:
    def __init__(self, suite):
        self.suite = suite
        threading.Thread(target=end_with_input, daemon=True).start()

    def step(self, name, action):
        begin = time.monotonic()
        try:
            action()
            print("PASS %s: %s (%d ms)" % (self.suite, name, (time.monotonic() - begin) * 1000), flush=True)
        except Exception as error:
            print("FAIL %s: %s: %s" % (self.suite, name, str(error).split("\n", 1)[0]), flush=True)
            traceback.print_exc()


def run(main):
    """Runs a suite to its end, and this process with it."""
    status = 1
    try:
        main()
        status = 0
    except Exception:
        traceback.print_exc()
    # Threads of the client's may still wait for something that nobody wants any more.
    os._exit(status)


def equal(actual, expected, what):
    """Raises unless both are the same."""
    check(actual == expected, "%s is %r instead of %r" % (what, actual, expected))


def check(condition, what):
    """Raises unless `condition` holds."""
    if not condition:
        raise AssertionError(what)


def end_with_input():
    # Whoever started the suite holds its standard input open, and does not want it to outlive him.
    sys.stdin.read()
    os._exit(1)
