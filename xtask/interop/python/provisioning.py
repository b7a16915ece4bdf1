"""Devices of the Python client that know no hub: they register over MQTT, and connect to what they are assigned to."""

import json
import os
import subprocess
import tempfile

from azure.iot.device import IoTHubDeviceClient, ProvisioningDeviceClient, X509

from hub import HOST, iothub, key
from steps import Steps, equal, run

SCOPE = "0ne00000000"
KEY = key(3)


def main():
    steps = Steps("provisioning by python")
    steps.step("a device registers by its key and connects", lambda: by_key(False))
    steps.step("the same in a WebSocket", lambda: by_key(True))
    steps.step("a device registers by its certificate and connects", by_certificate)
    steps.step("a device that may not is refused", refused)


def by_key(websockets):
    name = "interop-dps-py-" + ("ws" if websockets else "mqtt")
    iothub("enrollment", "create", "--eid", name, "--pk", KEY, "--payload", '{"rate":5}')
    client = ProvisioningDeviceClient.create_from_symmetric_key(HOST, name, SCOPE, KEY, websockets=websockets)
    client.provisioning_payload = {"model": name}
    result = client.register()
    equal(result.status, "assigned", "the status")
    state = result.registration_state
    equal((state.device_id, state.assigned_hub), (name, HOST), "the assignment")
    # The client gives it as text.
    equal(json.loads(state.response_payload), {"rate": 5}, "what the service says")
    device = IoTHubDeviceClient.create_from_symmetric_key(KEY, state.assigned_hub, state.device_id)
    device.connect()
    device.shutdown()
    forget(name)


def by_certificate():
    name = "interop-dps-py-x509"
    with tempfile.TemporaryDirectory() as folder:
        cert, private = os.path.join(folder, "cert.pem"), os.path.join(folder, "key.pem")
        kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
        made = ["openssl", "req", "-x509", *kind, "-keyout", private, "-out", cert, "-subj", "/CN=" + name]
        subprocess.run(made, check=True, stderr=subprocess.DEVNULL)
        iothub("enrollment", "create", "--eid", name, "--certificate-path", cert)
        client = ProvisioningDeviceClient.create_from_x509_certificate(HOST, name, SCOPE, X509(cert, private))
        state = client.register().registration_state
        equal((state.device_id, state.assigned_hub), (name, HOST), "the assignment")
        device = IoTHubDeviceClient.create_from_x509_certificate(X509(cert, private), state.assigned_hub, name)
        device.connect()
        device.shutdown()
    forget(name)


def refused():
    name = "interop-dps-py-refused"
    iothub("enrollment", "create", "--eid", name, "--pk", KEY, "--ps", "disabled")
    client = ProvisioningDeviceClient.create_from_symmetric_key(HOST, name, SCOPE, KEY)
    expect(client, "status disabled")
    client = ProvisioningDeviceClient.create_from_symmetric_key(HOST, name, SCOPE, key(4))
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


run(main)
