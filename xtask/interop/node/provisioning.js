'use strict';
// Devices that know no hub register with the provisioning service, and connect to what they are assigned to; back ends say
// who may.

const { execFile } = require('node:child_process');
const { createHmac } = require('node:crypto');
const { mkdtemp, readFile, rm } = require('node:fs/promises');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { promisify } = require('node:util');
const { Client } = require('azure-iot-device');
const { Mqtt: DeviceMqtt } = require('azure-iot-device-mqtt');
const { Http } = require('azure-iot-provisioning-device-http');
const { Mqtt, MqttWs } = require('azure-iot-provisioning-device-mqtt');
const { ProvisioningDeviceClient } = require('azure-iot-provisioning-device');
const { ProvisioningServiceClient } = require('azure-iot-provisioning-service');
const { SymmetricKeySecurityClient } = require('azure-iot-security-symmetric-key');
const { X509Security } = require('azure-iot-security-x509');
const hub = require('./hub');
const { Steps, check, equal, run } = require('./steps');

const SCOPE = '0ne00000000';
const KEY = Buffer.alloc(32, 1).toString('base64');
const service = ProvisioningServiceClient.fromConnectionString(process.env.IOTHUB_CONNECTION_STRING);

async function main() {
  const steps = new Steps('provisioning by node');
  await steps.step('an enrollment is made, read, changed and refused', 20, enrolls);
  await steps.step('enrollments are listed page by page, and deleted in bulk', 20, lists);
  for (const [name, transport] of [['mqtt', Mqtt], ['websocket', MqttWs], ['https', Http]]) {
    await steps.step(`a device registers by its key over ${name} and connects`, 40, () => registers(name, transport));
  }
  await steps.step('a member of a group registers by a key that derives from that of the group', 40, joins);
  await steps.step('devices register by certificates, their own and those of a group', 60, certified);
  await steps.step('a device that may not is refused', 40, refused);
}

function enrollment(registrationId, more = {}) {
  const symmetricKey = { primaryKey: KEY, secondaryKey: KEY };
  return { registrationId, attestation: { type: 'symmetricKey', symmetricKey }, ...more };
}

async function enroll(document) {
  const { responseBody } = await service.createOrUpdateIndividualEnrollment(document);
  return responseBody;
}

async function enrolls() {
  const id = 'interop-dps-enrolled';
  const made = await enroll(enrollment(id, { deviceId: 'interop-dps-other', provisioningStatus: 'enabled' }));
  equal([made.registrationId, made.deviceId, made.allocationPolicy], [id, 'interop-dps-other', 'hashed'], 'it');
  const mechanism = await service.getIndividualEnrollmentAttestationMechanism(id);
  equal(mechanism.responseBody.symmetricKey.primaryKey, KEY, 'the key');
  const { responseBody: read } = await service.getIndividualEnrollment(id);
  const changed = await enroll({ ...read, provisioningStatus: 'disabled' });
  equal(changed.provisioningStatus, 'disabled', 'the status');
  equal(await status(enroll({ ...read, provisioningStatus: 'enabled' })), 412, 'with an etag that is old');
  equal(await status(enroll(enrollment(id))), 409, 'without one');
  await service.deleteIndividualEnrollment(changed);
  equal(await status(service.getIndividualEnrollment(id)), 404, 'when it is gone');
}

async function lists() {
  const ids = ['interop-dps-a', 'interop-dps-b', 'interop-dps-c'];
  // This one tells nobody but a callback what came of it.
  const bulk = (mode) =>
    new Promise((resolve, reject) => {
      const operation = { mode, enrollments: ids.map((id) => enrollment(id)) };
      service.runBulkEnrollmentOperation(operation, (error, result) => (error ? reject(error) : resolve(result)));
    });
  const created = await bulk('create');
  check(created.isSuccessful, JSON.stringify(created));
  const query = service.createIndividualEnrollmentQuery({ query: 'SELECT * FROM enrollments' }, 2);
  const found = [];
  do {
    const { responseBody: page } = await query.next(query.continuationToken);
    check(page.length <= 2, 'a page is too long');
    found.push(...page.map(({ registrationId }) => registrationId));
  } while (query.hasMoreResults);
  equal(found.filter((id) => ids.includes(id)), ids, 'what was listed');
  const again = await bulk('create');
  equal([again.isSuccessful, again.errors.length], [false, 3], 'the second time');
  check((await bulk('delete')).isSuccessful, 'not deleted');
}

async function registers(name, transport) {
  const id = `interop-dps-${name}`;
  const initialTwin = { tags: { site: name }, properties: { desired: { rate: 5 } } };
  const made = await enroll(enrollment(id, { deviceId: `${id}-device`, initialTwin, payload: { said: name } }));
  const result = await register(transport, new SymmetricKeySecurityClient(id, KEY), { model: name });
  equal([result.deviceId, result.assignedHub, result.status], [`${id}-device`, hub.hostName, 'assigned'], 'it');
  equal(result.payload, { said: name }, 'what the service says');
  await connects(`HostName=${result.assignedHub};DeviceId=${result.deviceId};SharedAccessKey=${KEY}`);
  const { responseBody: twin } = await hub.registry.getTwin(result.deviceId);
  equal([twin.tags, twin.properties.desired.rate], [{ site: name }, 5], 'the twin');
  const { responseBody: state } = await service.getDeviceRegistrationState(id);
  equal([state.status, state.devicePayload], ['assigned', { model: name }], 'the registration');
  const again = await register(transport, new SymmetricKeySecurityClient(id, KEY));
  equal(again.deviceId, result.deviceId, 'the second time');
  await service.deleteIndividualEnrollment(id, made.etag);
  await hub.registry.delete(result.deviceId);
}

async function joins() {
  const symmetricKey = { primaryKey: KEY, secondaryKey: KEY };
  const group = { enrollmentGroupId: 'interop-dps-group', attestation: { type: 'symmetricKey', symmetricKey } };
  const { responseBody: made } = await service.createOrUpdateEnrollmentGroup(group);
  const id = 'interop-dps-member';
  const own = createHmac('sha256', Buffer.from(KEY, 'base64')).update(id).digest('base64');
  const result = await register(Mqtt, new SymmetricKeySecurityClient(id, own));
  equal([result.deviceId, result.status], [id, 'assigned'], 'it');
  await connects(`HostName=${result.assignedHub};DeviceId=${id};SharedAccessKey=${own}`);
  const query = service.createEnrollmentGroupDeviceRegistrationStateQuery({ query: 'SELECT * FROM registrations' }, made.enrollmentGroupId);
  const { responseBody: members } = await query.next();
  equal(members.map(({ registrationId }) => registrationId), [id], 'the members');
  await service.deleteEnrollmentGroup(made.enrollmentGroupId);
  await hub.registry.delete(id);
}

async function certified() {
  const folder = await mkdtemp(join(tmpdir(), 'iothub-interop-'));
  try {
    await byCertificates(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function byCertificates(folder) {
  const openssl = (...args) => promisify(execFile)('openssl', args, { cwd: folder });
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  const make = (name, ...more) =>
    openssl('req', '-x509', ...kind, '-keyout', `${name}.key`, '-out', `${name}.pem`, '-subj', `/CN=${name}`, ...more);
  const read = (name) => readFile(join(folder, name), 'utf8');
  await make('interop-dps-own');
  await make('interop-dps-root', '-addext', 'basicConstraints=critical,CA:TRUE');
  await make('interop-dps-leaf', '-CA', 'interop-dps-root.pem', '-CAkey', 'interop-dps-root.key', '-addext', 'basicConstraints=CA:FALSE');
  const x509 = async (kind, name) => ({ type: 'x509', x509: { [kind]: { primary: { certificate: await read(`${name}.pem`) } } } });
  await enroll({ registrationId: 'interop-dps-own', attestation: await x509('clientCertificates', 'interop-dps-own') });
  const attestation = await x509('signingCertificates', 'interop-dps-root');
  await service.createOrUpdateEnrollmentGroup({ enrollmentGroupId: 'interop-dps-signed', attestation });
  for (const id of ['interop-dps-own', 'interop-dps-leaf']) {
    const certificate = { cert: await read(`${id}.pem`), key: await read(`${id}.key`) };
    const result = await register(Mqtt, new X509Security(id, certificate));
    equal([result.deviceId, result.status], [id, 'assigned'], id);
    await connects(`HostName=${result.assignedHub};DeviceId=${id};x509=true`, certificate);
    await hub.registry.delete(id);
  }
  await service.deleteIndividualEnrollment('interop-dps-own');
  await service.deleteEnrollmentGroup('interop-dps-signed');
}

async function refused() {
  const id = 'interop-dps-refused';
  await enroll(enrollment(id, { provisioningStatus: 'disabled' }));
  const disabled = await failure(register(Mqtt, new SymmetricKeySecurityClient(id, KEY)));
  check(/disabled/.test(`${disabled} ${disabled.message} ${JSON.stringify(disabled.result || disabled)}`), `${disabled}`);
  const other = Buffer.alloc(32, 2).toString('base64');
  for (const transport of [Mqtt, Http]) {
    const unknown = await failure(register(transport, new SymmetricKeySecurityClient(id, other)));
    // The two transports name it differently.
    const said = `${unknown.constructor.name} ${unknown.message}`;
    check(/unauthorized|not authorized/i.test(said), said);
  }
  await service.deleteIndividualEnrollment(id);
}

function register(transport, security, payload) {
  const client = ProvisioningDeviceClient.create(hub.hostName, SCOPE, new transport(), security);
  if (payload) client.setProvisioningPayload(payload);
  return client.register();
}

async function connects(connectionString, certificate) {
  const client = Client.fromConnectionString(connectionString, DeviceMqtt);
  if (certificate) await client.setOptions(certificate);
  await client.open();
  await client.close();
}

async function failure(promise) {
  let outcome;
  try {
    outcome = await promise;
  } catch (error) {
    return error;
  }
  throw new Error(`it was not refused: ${JSON.stringify(outcome)}`);
}

async function status(promise) {
  const error = await failure(promise);
  if (!error.response) throw error;
  return error.response.statusCode;
}

run(main);
