use core::fmt::Write;

use iothub_model::ImportMode;
use serde_json::{Value, json};

use crate::clock;
use crate::target::{DEVICE_KEY, Target, device_name};
use crate::usage::resident;

/// Registers `devices` devices, all with the same keys; with `twins=1`, with tags and desired properties too.
pub(crate) async fn register(target: &Target) -> Value {
    let service = target.service().unwrap();
    let (count, begin) = (target.number("devices", 100), clock::now());
    let has_twins = target.number("twins", 0) == 1;
    for first in (0..count).step_by(LINES) {
        let mut lines = String::new();
        for number in first..count.min(first + LINES as u64) {
            let name = device_name(number);
            let keys = format!(r#"{{"primaryKey":"{DEVICE_KEY}","secondaryKey":"{DEVICE_KEY}"}}"#);
            let twin = if has_twins { twin(number) } else { String::new() };
            let authentication = format!(r#""authentication":{{"type":"sas","symmetricKey":{keys}}}"#);
            writeln!(lines, r#"{{"id":"{name}",{authentication}{twin}}}"#).unwrap();
        }
        let report = service.import(lines, ImportMode::Create).await.unwrap();
        assert_eq!(report.errors.len(), 0, "{report:?}");
    }
    let seconds = clock::now().duration_since(begin).as_secs_f64();
    json!({ "count": count, "seconds": seconds, "resident": resident(target.pid) })
}

/// The serial number is of this device alone; a thousandth of all is in each plant.
fn twin(number: u64) -> String {
    let (plant, line, rate) = (number % 1000, number % 7, number % 10_000);
    let tags = format!(r#"{{"plant":"p{plant}","line":{line},"serial":"s{number}","at":{{"floor":3}}}}"#);
    format!(r#","tags":{tags},"properties":{{"desired":{{"rate":{rate},"interval":5,"on":true}}}}"#)
}

/// Of one request.
const LINES: usize = 500;
