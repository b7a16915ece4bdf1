"""The hub that the suites are run against, as the environment tells of it."""

import base64
import os
import subprocess

# The connection string of the service.
CONNECTION = os.environ["IOTHUB_CONNECTION_STRING"]


def fields(connection_string):
    """The parts of a connection string. A value may contain `=`."""
    return dict(part.split("=", 1) for part in connection_string.split(";"))


HOST = fields(CONNECTION)["HostName"]


def key(byte):
    """A key for devices, a different one for each byte."""
    return base64.b64encode(bytes([byte]) * 32).decode()


def iothub(*words):
    """Runs a command of `iothub`."""
    subprocess.run([os.environ["INTEROP_IOTHUB"], *words], check=True, stdout=subprocess.DEVNULL)
