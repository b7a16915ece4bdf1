'use strict';
// One device client over one transport, from connecting to disconnecting: `node device.js python ws`.

const { fields, ...hub } = require('./hub');
const { SharedAccessSignature } = require('azure-iot-common');
const mqtt = require('mqtt');
const { Device } = require('./child');
const { Steps, check, equal, run } = require('./steps');

const [language, transport] = process.argv.slice(2);
const deviceId = `interop:${language}-${transport}_1`;

async function main() {
  const steps = new Steps(`${language} device over ${transport}`);
  const monitor = hub.monitor();
  let device;
  await steps.step('connects with a key that the hub made', 20, async () => {
    device = Device.start(language, transport, await hub.createDevice(deviceId));
    await device.connect();
    await device.event('connected');
    const { responseBody } = await hub.registry.get(deviceId);
    equal(responseBody.connectionState, 'Connected', 'the connection state in the registry');
  });
  if (!device) return;
  await telemetry(steps, device, monitor);
  await commands(steps, device);
  await twin(steps, device);
  await methods(steps, device);
  await connections(steps, device, monitor);
}

async function telemetry(steps, device, monitor) {
  await steps.step('telemetry arrives with system and odd application properties', 15, async () => {
    const body = { temperature: 21.5, text: 'žluťoučký "kůň" / & = %', list: [1, null, true] };
    const system = {
      messageId: "m-1:.+%_#*?!(),=@;$'",
      correlationId: 'c/1 & more',
      userId: 'u 1',
      contentType: 'application/json',
      contentEncoding: 'utf-8',
    };
    const properties = {
      level: 'hot zone',
      'a name/with & = ? # %41 +': 'a value/with & = ? # %41 + "é"',
      $dollar: '$.mid',
      empty: '',
    };
    await device.send({ bodyBase64: base64(JSON.stringify(body)), system, properties });
    const arrived = await telemetryOf(monitor);
    equal(arrived.body, body, 'the body');
    equal(arrived.properties, properties, 'the application properties');
    const { 'message-id': mid, 'correlation-id': cid, 'user-id': uid } = arrived.systemProperties;
    const { 'content-type': type, 'content-encoding': encoding } = arrived.systemProperties;
    equal(
      { messageId: mid, correlationId: cid, userId: uid, contentType: type, contentEncoding: encoding },
      system,
      'the system properties',
    );
  });

  await steps.step('telemetry of any bytes arrives, without properties', 15, async () => {
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    await device.send({ bodyBase64: bytes.toString('base64') });
    const arrived = await telemetryOf(monitor);
    equal(arrived.bodyBase64, bytes.toString('base64'), 'the body');
    equal(arrived.properties, {}, 'the application properties');
  });

  await steps.step('a hundred messages arrive in order', 20, async () => {
    for (let n = 0; n < 100; n += 1) await device.send({ bodyBase64: base64(`n${n}`) });
    for (let n = 0; n < 100; n += 1) equal((await telemetryOf(monitor)).body, `n${n}`, `message ${n}`);
  });
}

async function commands(steps, device) {
  await steps.step('a command is received with its properties', 15, async () => {
    const properties = { color: 'red', 'odd-name!': 'r&b+100%' };
    await hub.sendCommand(deviceId, 'open the "valve" ž', properties);
    const command = await device.event('command');
    equal(command.body, 'open the "valve" ž', 'the body');
    equal(command.properties, properties, 'the properties');
  });
}

async function twin(steps, device) {
  await steps.step('the twin is read, with what the service desired', 15, async () => {
    await hub.registry.updateTwin(deviceId, { tags: { floor: 2 }, properties: { desired: { interval: 5 } } }, '*');
    const { desired, reported } = await device.twin();
    equal(desired.interval, 5, 'the desired property');
    check(Number.isInteger(desired.$version), 'the desired properties have no version');
    check(Number.isInteger(reported.$version), 'the reported properties have no version');
    check(!('tags' in desired) && !('tags' in reported), 'a device must not see tags');
  });

  await steps.step('reported properties are set, and removed by null', 15, async () => {
    await device.report({ fan: { speed: 3, name: 'větrák' }, old: 1 });
    equal(await reported(), { fan: { speed: 3, name: 'větrák' }, old: 1 }, 'reported');
    await device.report({ fan: { speed: 4 }, old: null });
    equal(await reported(), { fan: { speed: 4, name: 'větrák' } }, 'reported');
  });

  await steps.step('a desired property that changes is notified, with its version', 15, async () => {
    const desired = { interval: 7, gone: null, nested: { text: 'ž' } };
    const { responseBody } = await hub.registry.updateTwin(deviceId, { properties: { desired } }, '*');
    const { $version } = responseBody.properties.desired;
    const { patch } = await device.event('desired', ({ patch }) => patch.$version === $version);
    equal(patch.interval, 7, 'the property');
    equal(patch.nested, { text: 'ž' }, 'the nested property');
  });
}

async function methods(steps, device) {
  await steps.step('a method is called and answered', 15, async () => {
    const payload = { delay: 5, text: 'ž "/\\', list: [[], {}, 1.5, false] };
    equal(await hub.call(deviceId, 'echo', payload), { status: 200, payload }, 'the answer');
    equal((await device.event('method')).payload, payload, 'the payload at the device');
  });

  await steps.step('a method without a payload is called and answered', 15, async () => {
    equal(await hub.call(deviceId, 'echo', null), { status: 200, payload: null }, 'the answer');
  });

  await steps.step('a method that the device refuses says so', 15, async () => {
    const answer = await hub.call(deviceId, 'refuse', 'why');
    equal(answer, { status: 418, payload: { refused: 'why' } }, 'the answer');
  });

  await steps.step('eight methods at once are each answered with their own', 20, async () => {
    const numbers = Array.from({ length: 8 }, (_, n) => n);
    const answers = await Promise.all(numbers.map((n) => hub.call(deviceId, 'echo', n)));
    equal(answers.map((answer) => answer.payload), numbers, 'the answers');
  });
}

async function connections(steps, device, monitor) {
  await steps.step('another connection of the same device takes over, and the client comes back', 40, async () => {
    device.inbox.drain(({ event }) => event === 'connected');
    await intrude(device.settings.connectionString);
    await device.event('connected');
    await device.send({ bodyBase64: base64('back again') });
    equal((await telemetryOf(monitor)).body, 'back again', 'the telemetry');
    const { desired } = await device.twin();
    equal(desired.interval, 7, 'the twin');
    equal(await hub.call(deviceId, 'echo', 1), { status: 200, payload: 1 }, 'the answer to a method');
  });

  await steps.step('a device that has disconnected is offline for methods', 15, async () => {
    await device.disconnect();
    const { status, code } = await hub.refusal(hub.call(deviceId, 'echo', 1));
    equal({ status, code }, { status: 404, code: 404103 }, 'the refusal');
    const { responseBody } = await hub.registry.get(deviceId);
    equal(responseBody.connectionState, 'Disconnected', 'the connection state in the registry');
  });

  await steps.step('after reconnecting, a command sent meanwhile is received', 30, async () => {
    await hub.sendCommand(deviceId, 'sent while offline');
    await device.connect();
    equal((await device.event('command')).body, 'sent while offline', 'the body');
    await device.send({ bodyBase64: base64('reconnected') });
    equal((await telemetryOf(monitor)).body, 'reconnected', 'the telemetry');
    equal(await hub.call(deviceId, 'echo', 2), { status: 200, payload: 2 }, 'the answer to a method');
  });

  await steps.step('disconnects', 15, () => device.disconnect());
}

/** Connects as the same device once more, which ends the connection that there is, and leaves. */
function intrude(connectionString) {
  const { SharedAccessKey: key } = fields(connectionString);
  const resource = encodeURIComponent(`${hub.hostName}/devices/${deviceId}`);
  const expiry = Math.floor(Date.now() / 1000) + 600;
  const connection = mqtt.connect(`mqtts://${hub.hostName}`, {
    clientId: deviceId,
    // What the device has subscribed to is to outlive this.
    clean: false,
    username: `${hub.hostName}/${deviceId}/?api-version=2021-04-12`,
    password: SharedAccessSignature.create(resource, null, key, expiry).toString(),
    reconnectPeriod: 0,
  });
  return new Promise((resolve, reject) => {
    connection.on('connect', () => {
      connection.end(true);
      resolve();
    });
    connection.on('error', reject);
  });
}

/** The next telemetry of this device, as the hub has it. */
function telemetryOf(monitor) {
  return monitor.take('telemetry at the hub', (event) => event.kind === 'telemetry' && event.deviceId === deviceId);
}

/** The reported properties as the service sees them, without what the hub adds. */
async function reported() {
  const { responseBody } = await hub.registry.getTwin(deviceId);
  const { $version, $metadata, ...properties } = responseBody.properties.reported;
  check(Number.isInteger($version) && $metadata, 'the reported properties lack $version or $metadata');
  return properties;
}

function base64(text) {
  return Buffer.from(text).toString('base64');
}

run(main);
