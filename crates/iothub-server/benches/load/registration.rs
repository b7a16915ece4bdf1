use core::fmt::Write;

use iothub_model::ImportMode;
use serde_json::{Value, json};

use crate::clock;
use crate::target::{DEVICE_KEY, Target, device_name};
use crate::usage::resident;

/// Registers `devices` devices, all with the same keys.
pub(crate) async fn register(target: &Target) -> Value {
    let service = target.service().unwrap();
    let (count, begin) = (target.number("devices", 100), clock::now());
    for first in (0..count).step_by(LINES) {
        let mut lines = String::new();
        for number in first..count.min(first + LINES as u64) {
            let name = device_name(number);
            let keys = format!(r#"{{"primaryKey":"{DEVICE_KEY}","secondaryKey":"{DEVICE_KEY}"}}"#);
            writeln!(lines, r#"{{"id":"{name}","authentication":{{"type":"sas","symmetricKey":{keys}}}}}"#)
                .unwrap();
        }
        let report = service.import(lines, ImportMode::Create).await.unwrap();
        assert_eq!(report.errors.len(), 0, "{report:?}");
    }
    let seconds = clock::now().duration_since(begin).as_secs_f64();
    json!({ "count": count, "seconds": seconds, "resident": resident(target.pid) })
}

/// Of one request.
const LINES: usize = 500;
