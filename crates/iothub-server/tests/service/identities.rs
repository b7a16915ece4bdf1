use iothub_codec::Identity;
use iothub_model::{
    Device, DigitalTwinEdit, ErrorCode, ExportImportDevice, IfMatch, ImportMode, Module, Patch, Status,
    TwinPatch,
};
use serde_json::json;

use crate::site::{Site, device, module, object, twin};

#[tokio::test]
async fn a_device_and_its_module_are_created_changed_and_deleted() {
    let site = Site::new().await;
    let service = &site.service;
    let pump =
        service.create_device(&Device { device_id: "pump".into(), ..Device::default() }).await.unwrap();
    assert_eq!(service.get_device(device("pump")).await.unwrap(), pump);
    let again = service.create_device(&pump).await.unwrap_err();
    assert_eq!((again.code(), again.status()), (Some(ErrorCode::DeviceAlreadyExists), Some(409)));

    let edited =
        service.edit_device(device("pump"), |pump| pump.status = Some(Status::Disabled)).await.unwrap();
    assert_eq!(edited.status, Some(Status::Disabled));
    let stale = IfMatch::Exactly(pump.etag.clone().unwrap());
    assert_eq!(service.update_device(&pump, &stale).await.unwrap_err().status(), Some(412));

    let camera = Module { device_id: "pump".into(), module_id: "camera".into(), ..Module::default() };
    let camera = service.create_module(&camera).await.unwrap();
    assert_eq!(service.list_modules(device("pump")).await.unwrap(), [camera]);
    let edited =
        service.edit_module(device("pump"), module("camera"), |module| module.managed_by = Some("me".into()));
    assert_eq!(edited.await.unwrap().managed_by.as_deref(), Some("me"));
    service.delete_module(device("pump"), module("camera"), &IfMatch::Any).await.unwrap();
    let none = service.get_module(device("pump"), module("camera")).await.unwrap_err();
    assert_eq!(none.code(), Some(ErrorCode::ModuleNotFound));

    assert_eq!(service.purge_commands(device("pump")).await.unwrap(), 0);
    assert_eq!(service.registry_statistics().await.unwrap().disabled_device_count, 1);
    assert_eq!(service.service_statistics().await.unwrap().connected_device_count, 0);
    service.delete_device(device("pump"), &IfMatch::None).await.unwrap();
    assert!(service.list_devices(10).await.unwrap().is_empty());
}

#[tokio::test]
async fn edits_of_many_back_ends_at_once_are_all_kept() {
    let site = Site::of_pumps(1).await;
    let edits = (0..8).map(|_| {
        let service = site.service.clone();
        tokio::spawn(async move {
            let edit = |twin: &iothub_model::Twin| {
                let visits = twin.tags.get("visits").and_then(serde_json::Value::as_u64).unwrap_or(0);
                let tags = Patch::Value(object(json!({"visits": visits + 1})));
                Some(TwinPatch { tags, ..TwinPatch::default() })
            };
            service.edit_twin(twin("pump-0"), edit).await.map(drop)
        })
    });
    for edit in edits.collect::<Vec<_>>() {
        edit.await.unwrap().unwrap();
    }
    assert_eq!(site.service.get_twin(twin("pump-0")).await.unwrap().tags["visits"], 8);
}

#[tokio::test]
async fn twins_are_replaced_and_those_of_modules_are_twins_too() {
    let site = Site::of_pumps(1).await;
    let camera = Module { device_id: "pump-0".into(), module_id: "camera".into(), ..Module::default() };
    site.service.create_module(&camera).await.unwrap();
    let desired = TwinPatch { desired: Patch::Value(object(json!({"rate": 5}))), ..TwinPatch::default() };
    for of in [twin("pump-0"), Identity::module(device("pump-0"), module("camera"))] {
        let replaced = site.service.replace_twin(of, &desired, &IfMatch::Any).await.unwrap();
        assert_eq!(replaced.properties.desired["rate"], 5, "{of}");
        assert!(replaced.tags.is_empty(), "{of}: {:?}", replaced.tags);
    }
}

#[tokio::test]
async fn a_digital_twin_is_read_and_changed() {
    let site = Site::of_pumps(1).await;
    let before = site.service.get_digital_twin(device("pump-0")).await.unwrap();
    assert_eq!(before.document["$dtId"], "pump-0");
    let edits = [DigitalTwinEdit::Add { path: "/rate".into(), value: json!(5) }];
    let condition = IfMatch::Exactly(before.etag.unwrap());
    let changed = site.service.update_digital_twin(device("pump-0"), &edits, &condition).await.unwrap();
    let after = site.service.get_digital_twin(device("pump-0")).await.unwrap();
    assert_eq!(changed.etag, after.etag);
    let stale = site.service.update_digital_twin(device("pump-0"), &edits, &condition).await.unwrap_err();
    assert_eq!(stale.status(), Some(412));
    let reboot = iothub_service::DigitalTwinCommand { name: "reboot".into(), ..Default::default() };
    let offline = site.service.invoke_digital_twin_command(device("pump-0"), &reboot).await.unwrap_err();
    assert_eq!(offline.code(), Some(ErrorCode::DeviceNotOnline));
}

#[tokio::test]
async fn a_bulk_does_all_but_those_that_cannot_be_done() {
    let site = Site::of_pumps(250).await;
    let modules = (0..300).map(|n| ExportImportDevice {
        id: format!("pump-{n}"),
        module_id: Some("camera".into()),
        ..ExportImportDevice::default()
    });
    let mut failed = Vec::new();
    let mut bulk = site.service.bulk_all(modules).mode(ImportMode::Create);
    let total =
        bulk.run(|chunk, _| failed.extend(chunk.failures.iter().map(|f| f.entry.unwrap()))).await.unwrap();
    assert_eq!((total.settled, total.failed), (300, 50));
    failed.sort_unstable();
    assert_eq!(failed, (250..300).collect::<Vec<u64>>(), "those whose devices are not there");

    let all =
        (0..250).map(|n| ExportImportDevice { id: format!("pump-{n}"), ..ExportImportDevice::default() });
    let total = site.service.bulk_all(all).mode(ImportMode::Delete).run(|_, _| {}).await.unwrap();
    assert_eq!((total.settled, total.failed), (250, 0));
    assert_eq!(site.service.registry_statistics().await.unwrap().total_device_count, 0);
}
