"""The Python service client over HTTPS: registry, queries, configurations, jobs, digital twins."""

import datetime
import time

from azure.iot.hub import (
    DigitalTwinClient,
    IoTHubConfigurationManager,
    IoTHubJobManager,
    IoTHubRegistryManager,
)
from azure.iot.hub.models import (
    Configuration,
    ConfigurationContent,
    ConfigurationMetrics,
    ConfigurationQueriesTestInput,
    ExportImportDevice,
    JobRequest,
    QuerySpecification,
    Twin,
    TwinProperties,
)
from msrest.exceptions import HttpOperationError

from hub import CONNECTION, key
from steps import Steps, check, equal, run

IDS = ["interop-py-fleet-%d" % n for n in range(5)]
ALL = "tags.fleet = 'python'"
# Longer than anything here takes that goes on in the hub by itself.
LIMIT = 30


def main():
    steps = Steps("python fleet")
    registry = IoTHubRegistryManager.from_connection_string(CONNECTION)
    steps.step("a fleet is added, read and counted", lambda: devices(registry))
    steps.step("a query gives twins, page by page", lambda: queries(registry))
    steps.step("a configuration sets what it says, and is removed with it", lambda: configurations(registry))
    steps.step("a job changes the twins of a fleet", lambda: jobs(registry))
    steps.step("a digital twin is read and changed", digital_twins)
    steps.step("what is not there is refused", lambda: refusals(registry))
    for device in IDS:
        registry.delete_device(device)


def devices(registry):
    entries = [ExportImportDevice(id=device, import_mode="create", status="enabled") for device in IDS]
    # The client reads the result only if something has failed.
    registry.bulk_create_or_update_devices(entries)
    for n, device in enumerate(IDS):
        patch = Twin(tags={"fleet": "python", "plant": "p%d" % (n % 2)})
        registry.update_twin(device, patch, "*")
    equal(registry.get_device(IDS[0]).status, "enabled", "the status")
    equal(registry.get_twin(IDS[3]).tags, {"fleet": "python", "plant": "p1"}, "the tags")
    counted = registry.get_device_registry_statistics().total_device_count
    listed = [device.device_id for device in registry.get_devices(1000)]
    equal(len(listed), counted, "the count")
    module = registry.create_module_with_sas(IDS[0], "camera", "me", key(1), key(2))
    equal((module.module_id, module.managed_by), ("camera", "me"), "the module")


def queries(registry):
    query = QuerySpecification(query="SELECT * FROM devices WHERE " + ALL)
    found, pages, token = [], [], None
    while not pages or token:
        page = registry.query_iot_hub(query, token, 2)
        equal(page.type, "Twin", "the type")
        pages.append(len(page.items))
        found += [twin.device_id for twin in page.items]
        token = page.continuation_token
    equal((pages, found), ([2, 2, 1], IDS), "the pages")


def configurations(registry):
    manager = IoTHubConfigurationManager.from_connection_string(CONNECTION)
    name = "interop-py-fans"
    applied = "SELECT deviceId FROM devices WHERE configurations.[[%s]].status = 'Applied'" % name
    asked = Configuration(
        id=name,
        content=ConfigurationContent(device_content={"properties.desired.fan": {"speed": 7}}),
        target_condition=ALL + " AND tags.plant = 'p0'",
        priority=5,
        metrics=ConfigurationMetrics(queries={"all": applied}),
    )
    added = manager.create_configuration(asked)
    equal((added.id, added.priority, added.schema_version), (name, 5, "1.0"), "the configuration")
    until("the fan is set", lambda: "fan" in registry.get_twin(IDS[4]).properties.desired)
    results = manager.get_configuration(name).system_metrics.results
    equal(results, {"targetedCount": 3, "appliedCount": 3}, "the counts")
    added.labels = {"suite": "python"}
    updated = manager.update_configuration(added, '"%s"' % added.etag)
    equal(updated.labels, {"suite": "python"}, "the labels")
    equal(refusal(lambda: manager.update_configuration(added, '"%s"' % added.etag)), 412, "the refusal at the old etag")
    equal([each.id for each in manager.get_configurations(20)], [name], "the list")
    tested = manager.test_configuration_queries(
        ConfigurationQueriesTestInput(target_condition="tags. =", custom_metric_queries={"all": applied})
    )
    check(tested.target_condition_error, "the condition has no error")
    equal(tested.custom_metric_query_errors, {}, "the errors of the queries")
    content = ConfigurationContent(modules_content={"pump": {"properties.desired": {"rate": 5}}})
    manager.apply_configuration_on_edge_device(IDS[0], content)
    equal(registry.get_module_twin(IDS[0], "pump").properties.desired["rate"], 5, "the rate of the pump")
    manager.delete_configuration(name)
    until("the fan is gone", lambda: "fan" not in registry.get_twin(IDS[4]).properties.desired)


def jobs(registry):
    manager = IoTHubJobManager.from_connection_string(CONNECTION)
    name = "interop-py-twins"
    request = JobRequest(
        job_id=name,
        type="scheduleUpdateTwin",
        query_condition=ALL,
        start_time=datetime.datetime.now(datetime.timezone.utc),
        max_execution_time_in_seconds=60,
        update_twin=Twin(etag="*", properties=TwinProperties(desired={"job": 1})),
    )
    equal(manager.create_scheduled_job(name, request).type, "scheduleUpdateTwin", "the job")
    until("the job ends", lambda: manager.get_scheduled_job(name).status == "completed")
    statistics = manager.get_scheduled_job(name).device_job_statistics
    equal((statistics.device_count, statistics.succeeded_count), (5, 5), "its statistics")
    equal(registry.get_twin(IDS[2]).properties.desired["job"], 1, "the desired property")
    equal(refusal(lambda: manager.create_scheduled_job(name, request)), 409, "the refusal to make it again")
    # Not by its verb for that: it expects an object, and a hub answers with a list, as to other clients.
    query = QuerySpecification(query="SELECT * FROM devices.jobs WHERE devices.jobs.jobId = '%s'" % name)
    equal(len(registry.query_iot_hub(query).items), 5, "the count of devices")


def digital_twins():
    client = DigitalTwinClient.from_connection_string(CONNECTION)
    client.update_digital_twin(IDS[1], [{"op": "add", "path": "/rate", "value": 5}])
    twin = client.get_digital_twin(IDS[1])
    equal((twin["$dtId"], twin["$metadata"]["rate"]["desiredValue"]), (IDS[1], 5), "the twin")
    equal(refusal(lambda: client.invoke_command(IDS[1], "reboot", {})), 404, "the refusal of a device that is offline")


def refusals(registry):
    equal(refusal(lambda: registry.get_device("interop-nobody")), 404, "the refusal to read")
    equal(refusal(lambda: registry.get_twin("interop-nobody")), 404, "the refusal to read the twin")
    bad = QuerySpecification(query="SELECT * FROM devices WHERE = 1")
    equal(refusal(lambda: registry.query_iot_hub(bad)), 400, "the refusal of a query")


def refusal(call):
    try:
        call()
    except HttpOperationError as error:
        return error.response.status_code
    raise AssertionError("it was not refused")


def until(what, condition):
    end = time.monotonic() + LIMIT
    while not condition():
        check(time.monotonic() < end, "not within %d s: %s" % (LIMIT, what))
        time.sleep(0.05)


run(main)
