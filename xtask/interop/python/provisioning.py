"""Devices of the Python client that know no hub: they register over MQTT, and connect to what they are assigned to."""

import base64
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import traceback

from azure.iot.device import IoTHubDeviceClient, ProvisioningDeviceClient, X509

SCOPE = "0ne00000000"
HUB = dict(part.split("=", 1) for part in os.environ["IOTHUB_CONNECTION_STRING"].split(";"))["HostName"]
KEY = base64.b64encode(bytes([3] * 32)).decode()


def main():
    step("a device registers by its key and connects", lambda: by_key(False))
    step("the same in a WebSocket", lambda: by_key(True))
    step("a device registers by its certificate and connects", by_certificate)
    step("a device that may not is refused", refused)


def iothub(*words):
    subprocess.run([os.environ["INTEROP_IOTHUB"], *words], check=True, stdout=subprocess.DEVNULL)


def by_key(websockets):
    name = "interop-dps-py-" + ("ws" if websockets else "mqtt")
    iothub("enrollment", "create", "--eid", name, "--pk", KEY, "--payload", '{"rate":5}')
    client = ProvisioningDeviceClient.create_from_symmetric_key(HUB, name, SCOPE, KEY, websockets=websockets)
    client.provisioning_payload = {"model": name}
    result = client.register()
    equal(result.status, "assigned", "the status")
    state = result.registration_state
    equal((state.device_id, state.assigned_hub), (name, HUB), "the assignment")
    # The client gives it as text.
    equal(json.loads(state.response_payload), {"rate": 5}, "what the service says")
    device = IoTHubDeviceClient.create_from_symmetric_key(KEY, state.assigned_hub, state.device_id)
    device.connect()
    device.shutdown()
    forget(name)


def by_certificate():
    name = "interop-dps-py-x509"
    with tempfile.TemporaryDirectory() as folder:
        cert, key = os.path.join(folder, "cert.pem"), os.path.join(folder, "key.pem")
        kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
        made = ["openssl", "req", "-x509", *kind, "-keyout", key, "-out", cert, "-subj", "/CN=" + name]
        subprocess.run(made, check=True, stderr=subprocess.DEVNULL)
        iothub("enrollment", "create", "--eid", name, "--certificate-path", cert)
        client = ProvisioningDeviceClient.create_from_x509_certificate(HUB, name, SCOPE, X509(cert, key))
        state = client.register().registration_state
        equal((state.device_id, state.assigned_hub), (name, HUB), "the assignment")
        device = IoTHubDeviceClient.create_from_x509_certificate(X509(cert, key), state.assigned_hub, name)
        device.connect()
        device.shutdown()
    forget(name)


def refused():
    name = "interop-dps-py-refused"
    iothub("enrollment", "create", "--eid", name, "--pk", KEY, "--ps", "disabled")
    client = ProvisioningDeviceClient.create_from_symmetric_key(HUB, name, SCOPE, KEY)
    expect(client, "status disabled")
    other = base64.b64encode(bytes([4] * 32)).decode()
    client = ProvisioningDeviceClient.create_from_symmetric_key(HUB, name, SCOPE, other)
    expect(client, "not authorised", "Unauthorized", "Credential")
    iothub("enrollment", "delete", "--eid", name)


def expect(client, *words):
    try:
        client.register()
    except Exception as error:
        # The client says which of its layers it was, and keeps why in the cause.
        said = "%r, because of %r" % (error, error.__cause__)
        if not any(word in said for word in words):
            raise AssertionError(said)
    else:
        raise AssertionError("it was let in")


def forget(name):
    iothub("enrollment", "delete", "--eid", name)
    iothub("device", "delete", name)


def equal(actual, expected, what):
    if actual != expected:
        raise AssertionError("%s is %r instead of %r" % (what, actual, expected))


def step(name, action):
    begin = time.monotonic()
    try:
        action()
        print("PASS provisioning by python: %s (%d ms)" % (name, (time.monotonic() - begin) * 1000), flush=True)
    except Exception as error:
        print("FAIL provisioning by python: %s: %s" % (name, str(error).split("\n", 1)[0]), flush=True)
        traceback.print_exc()


def end_with_input():
    # Whoever started this holds its standard input open, and does not want it to outlive him.
    sys.stdin.read()
    os._exit(1)


threading.Thread(target=end_with_input, daemon=True).start()
main()
# Threads of the client's may still wait for something that nobody wants any more.
os._exit(0)
