'use strict';
// The Node service client, about many devices at once: queries, configurations, jobs, digital twins.

const { DigitalTwinClient, IoTHubTokenCredentials, JobClient } = require('azure-iothub');
const hub = require('./hub');
const { Device } = require('./child');
const { Steps, check, equal, run } = require('./steps');

const steps = new Steps('node fleet');
const { registry } = hub;
const jobs = JobClient.fromConnectionString(process.env.IOTHUB_CONNECTION_STRING);

/** Beside each other, devices of two plants; the tag tells them from those of other suites. */
const ids = Array.from({ length: 5 }, (_, n) => `interop-fleet-${n}`);
const all = "tags.fleet = 'node'";

async function main() {
  await steps.step('a fleet is added with its tags', 10, async () => {
    const body = ids.map((id, n) => ({ id, importMode: 'create', tags: { fleet: 'node', plant: `p${n % 2}` } }));
    equal((await hub.request('POST', '/devices', { body })).isSuccessful, true, 'the result');
  });
  await queries();
  await configurations();
  await scheduled();
  await digitalTwins();
  await registry.removeDevices(ids.map((deviceId) => ({ deviceId })), true);
}

async function queries() {
  await steps.step('a query gives twins, page by page', 10, async () => {
    const query = registry.createQuery(`SELECT * FROM devices WHERE ${all}`, 2);
    const pages = [];
    while (query.hasMoreResults) pages.push((await query.nextAsTwin()).result);
    equal(pages.map((page) => page.length), [2, 2, 1], 'the pages');
    const twins = pages.flat();
    equal(twins.map(({ deviceId }) => deviceId), ids, 'the devices');
    await twins[0].update({ properties: { desired: { asked: true } } });
    equal((await registry.getTwin(ids[0])).responseBody.properties.desired.asked, true, 'the desired property');
  });

  await steps.step('a query gives columns and groups', 10, async () => {
    const text = `SELECT tags.plant AS plant, COUNT() AS n FROM devices WHERE ${all} GROUP BY tags.plant`;
    const { result } = await registry.createQuery(text).next();
    equal(result, [{ plant: 'p0', n: 3 }, { plant: 'p1', n: 2 }], 'the rows');
  });

  await steps.step('what is no query is refused', 10, async () => {
    const { class: error, status } = await hub.refusal(registry.createQuery('SELECT * FROM devices WHERE = 1').next());
    equal([error, status], ['ArgumentError', 400], 'the refusal');
  });
}

async function configurations() {
  const id = 'interop-fans';
  const content = { deviceContent: { 'properties.desired.fan': { speed: 7 } } };
  let added;
  await steps.step('a configuration is added, and sets what it says', 20, async () => {
    const queries = { all: `SELECT deviceId FROM devices WHERE ${all} AND configurations.[[${id}]].status = 'Applied'` };
    const asked = {
      id, content, targetCondition: `${all} AND tags.plant = 'p0'`, priority: 10, labels: { suite: 'node' },
      metrics: { queries, results: {} },
    };
    added = (await registry.addConfiguration(asked)).responseBody;
    equal([added.id, added.priority, added.labels, added.content], [id, 10, { suite: 'node' }, content], 'it');
    await until('the fan is set', async () => (await desired(ids[4])).fan?.speed === 7);
    equal((await desired(ids[1])).fan, undefined, 'the fan of another plant');
    const read = (await registry.getConfiguration(id)).responseBody;
    equal(read.systemMetrics.results, { targetedCount: 3, appliedCount: 3 }, 'the counts');
  });

  await steps.step('a device that meets the condition later is given it at once', 10, async () => {
    await registry.updateTwin(ids[1], { tags: { plant: 'p0' } }, '*');
    equal((await desired(ids[1])).fan, { speed: 7 }, 'the fan');
    await registry.updateTwin(ids[1], { tags: { plant: 'p1' } }, '*');
    equal((await desired(ids[1])).fan, undefined, 'the fan, once it does not meet it');
  });

  await steps.step('a configuration is updated at its etag, and its content never', 10, async () => {
    const updated = (await registry.updateConfiguration({ ...hub.plain(added), priority: 20 })).responseBody;
    equal(updated.priority, 20, 'the priority');
    const stale = await hub.refusal(registry.updateConfiguration({ ...hub.plain(added), priority: 30 }));
    equal([stale.class, stale.status], ['InvalidEtagError', 412], 'the refusal at the old etag');
    const other = { ...hub.plain(updated), content: { deviceContent: { 'properties.desired.fan': { speed: 8 } } } };
    const { status, header } = await hub.refusal(registry.updateConfiguration(other, true));
    equal([status, header], [400, 'CannotModifyImmutableConfigurationContent'], 'the refusal of other content');
    const twice = await hub.refusal(registry.addConfiguration(hub.plain(updated)));
    equal([twice.status, twice.header], [409, 'ConfigurationAlreadyExists'], 'the refusal to add it again');
  });

  await steps.step('its metrics are counted', 30, async () => {
    await until('the count', async () => (await registry.getConfiguration(id)).responseBody.metrics.results.all === 3);
    const listed = (await registry.getConfigurations()).responseBody.map((each) => each.id);
    equal(listed, [id], 'the list');
  });

  await steps.step('content is applied to the modules of one device', 10, async () => {
    const modulesContent = { pump: { 'properties.desired': { rate: 5 } } };
    await registry.applyConfigurationContentOnDevice(ids[0], { modulesContent });
    const { desired: set } = (await registry.getModuleTwin(ids[0], 'pump')).responseBody.properties;
    equal(set.rate, 5, 'the rate');
  });

  await steps.step('a configuration is removed, and with it what it has set', 20, async () => {
    await registry.removeConfiguration(id);
    await until('the fan is gone', async () => (await desired(ids[0])).fan === undefined);
    equal((await desired(ids[0])).asked, true, 'what it has not set');
    const { status, header } = await hub.refusal(registry.getConfiguration(id));
    equal([status, header], [404, 'ConfigurationNotFound'], 'the refusal to read it');
  });
}

async function scheduled() {
  const ended = async (jobId) => {
    let job;
    await until(`the end of ${jobId}`, async () => {
      job = (await jobs.getJob(jobId)).jobStatus;
      return ['completed', 'failed', 'cancelled'].includes(job.status);
    });
    return job;
  };
  const statistics = ({ deviceCount, failedCount, succeededCount }) => [deviceCount, failedCount, succeededCount];

  await steps.step('a job changes the twins of a fleet', 20, async () => {
    const patch = { etag: '*', properties: { desired: { job: 1 } } };
    const started = (await jobs.scheduleTwinUpdate('interop-twins', all, patch, new Date(), 60)).jobStatus;
    equal([started.jobId, started.type], ['interop-twins', 'scheduleUpdateTwin'], 'the job');
    const job = await ended('interop-twins');
    equal([job.status, ...statistics(job.deviceJobStatistics)], ['completed', 5, 0, 5], 'its end');
    equal((await desired(ids[3])).job, 1, 'the desired property');
  });

  await steps.step('a job calls a method, and devices that are offline fail', 40, async () => {
    const [deviceId] = ids;
    const { primaryKey } = (await registry.get(deviceId)).responseBody.authentication.symmetricKey;
    const device = Device.start('node', 'mqtt', hub.deviceConnectionString(deviceId, primaryKey));
    await device.connect();
    await device.send({ bodyBase64: '' });
    const method = { methodName: 'echo', payload: { n: 1 }, responseTimeoutInSeconds: 5, connectTimeoutInSeconds: 0 };
    await jobs.scheduleDeviceMethod('interop-calls', `deviceId IN ['${ids[0]}', '${ids[1]}']`, method, new Date(), 2);
    const job = await ended('interop-calls');
    equal(statistics(job.deviceJobStatistics), [2, 1, 1], 'its end');
    equal((await device.event('method')).payload, { n: 1 }, 'the payload');
    const text = "SELECT * FROM devices.jobs WHERE devices.jobs.jobId = 'interop-calls'";
    const rows = (await registry.createQuery(text).next()).result;
    equal(rows.map((row) => [row.deviceId, row.status]), [[ids[0], 'completed'], [ids[1], 'failed']], 'the devices');
    equal(rows[0].outcome.deviceMethodResponse, { status: 200, payload: { n: 1 } }, 'the answer');
    await device.disconnect();
  });

  await steps.step('a job that is still to start is cancelled', 10, async () => {
    const later = new Date(Date.now() + 3600_000);
    await jobs.scheduleTwinUpdate('interop-later', all, { etag: '*', tags: { late: true } }, later, 60);
    await jobs.cancelJob('interop-later');
    equal((await ended('interop-later')).status, 'cancelled', 'its status');
  });

  await steps.step('jobs are found by type and status, page by page', 10, async () => {
    const query = jobs.createQuery(undefined, undefined, 2);
    let found = [];
    do found = found.concat((await query.next(query.continuationToken)).result); while (query.hasMoreResults);
    equal(found.map((job) => job.jobId).sort(), ['interop-calls', 'interop-later', 'interop-twins'], 'all jobs');
    const some = (await jobs.createQuery('scheduleUpdateTwin', 'cancelled').next()).result;
    equal(some.map((job) => job.jobId), ['interop-later'], 'the cancelled one');
  });

  await steps.step('a job that is there, and one about nothing that can be read, are refused', 10, async () => {
    const patch = { etag: '*', tags: {} };
    const twice = await hub.refusal(jobs.scheduleTwinUpdate('interop-twins', all, patch));
    equal([twice.status, twice.header], [409, 'JobAlreadyExists'], 'the refusal to make it again');
    const { status } = await hub.refusal(jobs.scheduleTwinUpdate('interop-bad', 'tags.fleet = = 1', patch));
    equal(status, 400, 'the refusal of the condition');
  });
}

async function digitalTwins() {
  const client = new DigitalTwinClient(new IoTHubTokenCredentials(process.env.IOTHUB_CONNECTION_STRING));
  const [, deviceId] = ids;
  await steps.step('a digital twin is read and changed', 10, async () => {
    const etag = (await client.getDigitalTwin(deviceId))._response.headers.get('etag');
    const edits = [
      { op: 'add', path: '/rate', value: 5 },
      { op: 'add', path: '/fan', value: { $metadata: {}, speed: 1 } },
      { op: 'replace', path: '/fan/speed', value: 2 },
    ];
    // The client gives nothing of an answer without a body, not even its etag.
    await client.updateDigitalTwin(deviceId, edits, etag);
    const twin = await client.getDigitalTwin(deviceId);
    check(twin._response.headers.get('etag') !== etag, 'the etag has not changed');
    equal([twin.$dtId, twin.$metadata.rate.desiredValue, twin.fan.$metadata.speed.desiredValue], [deviceId, 5, 2], 'it');
    const stale = await client.updateDigitalTwin(deviceId, edits, etag).then(() => null, (error) => error.statusCode);
    equal(stale, 412, 'the refusal at the old etag');
  });

  await steps.step('commands of a device and of a component are answered', 20, async () => {
    const { primaryKey } = (await registry.get(deviceId)).responseBody.authentication.symmetricKey;
    const device = Device.start('node', 'mqtt', hub.deviceConnectionString(deviceId, primaryKey));
    await device.connect();
    await device.send({ bodyBase64: '' });
    const answer = await client.invokeCommand(deviceId, 'echo', { a: [1, 'ž'] });
    equal([answer.xMsCommandStatuscode, answer.body], [200, { a: [1, 'ž'] }], 'the answer');
    const refused = await client.invokeComponentCommand(deviceId, 'fan', 'refuse', 'why');
    equal([refused.xMsCommandStatuscode, refused.body], [418, { refused: 'why' }], 'the refusal');
    await device.disconnect();
  });
}

/** Waits until `condition` holds; the step has the limit. */
async function until(what, condition) {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 50, what));
}

/** The desired properties of a device as the service sees them. */
async function desired(deviceId) {
  return (await registry.getTwin(deviceId)).responseBody.properties.desired;
}

run(main);
