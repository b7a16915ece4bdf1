'use strict';
// The Node device client, doing what it is told on standard input, one JSON document a line:
//   {"id": 1, "do": "connect" | "disconnect" | "telemetry" | "twin" | "report", ...}
// Each is answered on standard output with {"id": 1, "result": ...} or {"id": 1, "error": "..."}. What happens
// without being asked for is printed as {"event": "connected" | "command" | "method" | "desired", ...}.
// `../python/driver.py` does the same with the Python client.

const { createInterface } = require('node:readline');
const { Client, Message } = require('azure-iot-device');
const transports = {
  mqtt: require('azure-iot-device-mqtt').Mqtt,
  ws: require('azure-iot-device-mqtt').MqttWs,
};

let client = null;
let twin = null;

const verbs = {
  async connect({ connectionString, transport, x509 }) {
    if (!client) {
      client = Client.fromConnectionString(connectionString, transports[transport]);
      if (x509) await client.setOptions(x509);
      client.on('connect', () => print({ event: 'connected' }));
      client.on('error', (error) => print({ event: 'error', error: String(error) }));
      await client.open();
      // The client subscribes when somebody listens.
      client.on('message', command);
      for (const name of Object.keys(methods)) client.onDeviceMethod(name, method);
    } else {
      await client.open();
    }
  },

  async disconnect() {
    await client.close();
  },

  async telemetry({ bodyBase64, system = {}, properties = {} }) {
    const message = Object.assign(new Message(Buffer.from(bodyBase64, 'base64')), system);
    for (const [name, value] of Object.entries(properties)) message.properties.add(name, value);
    await client.sendEvent(message);
  },

  async twin() {
    const listens = twin !== null;
    twin = await client.getTwin();
    if (!listens) twin.on('properties.desired', (patch) => print({ event: 'desired', patch }));
    const { desired, reported } = twin.properties;
    return { desired, reported };
  },

  report({ patch }) {
    return new Promise((resolve, reject) => {
      twin.properties.reported.update(patch, (error) => (error ? reject(error) : resolve()));
    });
  },
};

/** What the device answers to each method; `null` is no answer at all. */
const methods = {
  // As a component's command comes.
  'fan*refuse': (payload) => [418, { refused: payload }],
  echo: (payload) => [200, payload],
  refuse: (payload) => [418, { refused: payload }],
  silent: () => null,
};

function method(request, response) {
  print({ event: 'method', name: request.methodName, payload: request.payload });
  const answer = methods[request.methodName](request.payload);
  if (answer) response.send(...answer, (error) => error && print({ event: 'error', error: String(error) }));
}

function command(message) {
  const { messageId, correlationId, contentType, contentEncoding, to, properties } = message;
  print({
    event: 'command',
    body: message.data.toString(),
    system: { messageId, correlationId, contentType, contentEncoding, to },
    properties: Object.fromEntries(properties.propertyList.map(({ key, value }) => [key, value])),
  });
  client.complete(message, () => {});
}

function print(document) {
  process.stdout.write(JSON.stringify(document) + '\n');
}

createInterface({ input: process.stdin })
  .on('line', async (line) => {
    const { id, do: verb, ...parameters } = JSON.parse(line);
    try {
      print({ id, result: await verbs[verb](parameters) });
    } catch (error) {
      print({ id, error: String(error) });
    }
  })
  .on('close', () => process.exit(0));
