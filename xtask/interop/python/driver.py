"""The Python device client, doing what it is told on standard input. `../node/driver.js` says what that is."""

import base64
import json
import os
import sys
import threading

from azure.iot.device import IoTHubDeviceClient, IoTHubModuleClient, Message, MethodResponse, X509

from hub import fields

# What the device answers to each method; None is no answer at all.
METHODS = {
    "echo": lambda payload: (200, payload),
    "refuse": lambda payload: (418, {"refused": payload}),
    "silent": lambda payload: None,
}

SYSTEM = {
    "messageId": "message_id",
    "correlationId": "correlation_id",
    "userId": "user_id",
    "contentType": "content_type",
    "contentEncoding": "content_encoding",
}


class Driver:
    def __init__(self):
        self.client = None
        self.listens = False
        self.printing = threading.Lock()

    def connect(self, connectionString, transport, x509=None):
        if self.client is None and x509 is not None:
            # A module: of the official clients only this one connects modules by their certificates.
            parts = fields(connectionString)
            self.client = IoTHubModuleClient.create_from_x509_certificate(
                X509(x509["certFile"], x509["keyFile"]),
                parts["HostName"],
                parts["DeviceId"],
                parts["ModuleId"],
                websockets=(transport == "ws"),
            )
            self.client.connect()
            self.client.on_method_request_received = self.on_method
        elif self.client is None:
            self.client = IoTHubDeviceClient.create_from_connection_string(
                connectionString, websockets=(transport == "ws")
            )
            self.client.on_connection_state_change = self.on_connection
            self.client.connect()
            # The client subscribes when a handler is set.
            self.client.on_message_received = self.on_command
            self.client.on_method_request_received = self.on_method
        else:
            self.client.connect()

    def disconnect(self):
        self.client.disconnect()

    def telemetry(self, bodyBase64, system={}, properties={}):
        message = Message(base64.b64decode(bodyBase64))
        for name, value in system.items():
            setattr(message, SYSTEM[name], value)
        message.custom_properties = properties
        self.client.send_message(message)

    def twin(self):
        if not self.listens:
            self.client.on_twin_desired_properties_patch_received = self.on_desired
            self.listens = True
        return self.client.get_twin()

    def report(self, patch):
        self.client.patch_twin_reported_properties(patch)

    def on_connection(self):
        if self.client.connected:
            self.print({"event": "connected"})

    def on_desired(self, patch):
        self.print({"event": "desired", "patch": patch})

    def on_command(self, message):
        system = {name: getattr(message, attribute) for name, attribute in SYSTEM.items()}
        self.print(
            {
                "event": "command",
                "body": message.data.decode(),
                "system": system,
                "properties": message.custom_properties,
            }
        )

    def on_method(self, request):
        self.print({"event": "method", "name": request.name, "payload": request.payload})
        answer = METHODS[request.name](request.payload)
        if answer is not None:
            self.client.send_method_response(MethodResponse.create_from_method_request(request, *answer))

    def print(self, document):
        # Handlers run on threads of the client's.
        with self.printing:
            print(json.dumps(document), flush=True)

    def run(self):
        for line in sys.stdin:
            parameters = json.loads(line)
            answer = {"id": parameters.pop("id")}
            try:
                answer["result"] = getattr(self, parameters.pop("do"))(**parameters)
            except Exception as error:
                # The client keeps the reason in the cause.
                answer["error"] = "{!r} (cause: {!r})".format(error, error.__cause__)
            self.print(answer)


Driver().run()
# Threads of the client's may still wait for an answer that nobody wants any more.
os._exit(0)
