//! Carries out the steps of imports and exports, one after the other, and tells the hub what came of each.

use std::sync::Arc;

use iothub_hub::{Input, TransferStep, Transferred};

use crate::shared::Shared;
use crate::sites::Sites;
use crate::transfer_files::TransferFiles;

/// Does so for as long as the hub can go on. A step holds on to `sites` until it is done: who begins again has the files
/// to himself.
pub(crate) async fn serve(shared: &Shared, sites: &Arc<Sites>) {
    let orders = shared.driver.carrier().transfer_orders();
    let (Some(mut orders), Some(folder)) = (orders, &shared.transfers) else {
        // The hub was told that there is nobody to do this, and asks for nothing.
        return core::future::pending().await;
    };
    let mut files = TransferFiles::new(Arc::clone(folder));
    while let Some((number, step)) = orders.recv().await {
        let is_answered = step != TransferStep::Abandon;
        // Files are on disks, which others must not wait for.
        let sites = Arc::clone(sites);
        let performed = tokio::task::spawn_blocking(move || {
            let outcome = files.perform(step);
            drop(sites);
            (files, outcome)
        });
        let Ok((kept, outcome)) = performed.await else { return };
        files = kept;
        let outcome = outcome.unwrap_or_else(|why| Transferred::Failed { why });
        if is_answered {
            let Ok(mut hub) = shared.driver.enter() else { return };
            hub.handle(Input::Transferred { number, outcome });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::fs;

    use iothub_codec::{SharedKey, TokenRequest};
    use iothub_hub::{Change, Config, Effect, Effects, ExchangeId, Hub, RestRequest, Seed};
    use serde_json::{Value, json};

    use super::*;
    use crate::clock::Clock;
    use crate::scratch::Scratch;

    /// A hub and its files, as they are when somebody has asked for an import.
    struct Importing {
        hub: Hub,
        clock: Clock,
        changes: Vec<Change>,
        steps: VecDeque<(u64, TransferStep)>,
        files: TransferFiles,
        response: Value,
    }

    impl Importing {
        fn begin(scratch: &Scratch, changes: Vec<Change>) -> Self {
            let mut config = Config::new(Seed([7; 32]));
            config.transfers = true;
            let mut hub = Hub::new(config);
            changes.iter().for_each(|change| hub.apply(change).unwrap());
            let files = TransferFiles::new(scratch.path().canonicalize().unwrap().into());
            let (clock, steps, response) = (Clock::start(), VecDeque::new(), Value::Null);
            let mut begun = Self { hub, clock, changes, steps, files, response };
            begun.put(Input::Start);
            begun
        }

        fn put(&mut self, input: Input<'_>) {
            let mut effects = Effects::new();
            self.hub.handle(self.clock.now(), input, &mut effects);
            for effect in effects {
                if let Effect::Record(change) = effect {
                    self.changes.push(change);
                } else if let Effect::Transfer { number, step } = effect {
                    self.steps.push_back((number, step));
                } else if let Effect::Respond { response, .. } = effect {
                    self.response = serde_json::from_slice(&response.body).unwrap();
                }
            }
        }

        fn ask(&mut self, method: &str, path: &str, body: &Value) -> Value {
            let key = SharedKey::from_base64(self.hub.policy_key("iothubowner").unwrap()).unwrap();
            let expiry_s = self.clock.now().timestamp.as_secs() + 3600;
            let (identity, policy) = (None, Some("iothubowner"));
            let mut owner = [0; 1024];
            let owner = TokenRequest { host: "hub.test", identity, expiry_s, policy }.sign(&key, &mut owner);
            let headers = [("host", "hub.test"), ("authorization", owner.unwrap())];
            let (query, body) = (Some("api-version=2021-04-12"), body.to_string());
            let (headers, body) = (&headers[..], body.as_bytes());
            let request = RestRequest { method, path, query, headers, certificates: &[], body };
            self.put(Input::Rest { exchange: ExchangeId(1), request });
            self.response.take()
        }
    }

    /// What becomes of an import whose hub ends once, at this moment: before a step is done, or before what came of it is
    /// heard. `None` if it is done before.
    fn outcome(ended_at: usize, end: fn(TransferFiles)) -> Option<[String; 3]> {
        let scratch = Scratch::new();
        let lines = (0..700).map(|n| match n % 150 {
            140 => "nonsense\n".to_owned(),
            141 => "{\"id\":\"d-0\",\"importMode\":\"create\"}\n".to_owned(),
            _ => format!("{{\"id\":\"d-{n}\",\"importMode\":\"create\"}}\n"),
        });
        fs::write(scratch.path().join("devices.txt"), lines.collect::<String>()).unwrap();
        let mut at_work = Importing::begin(&scratch, Vec::new());
        let job = json!({"type": "import", "inputBlobContainerUri": "."});
        let id = at_work.ask("POST", "/jobs/create", &job)["jobId"].as_str().unwrap().to_owned();
        let (mut moment, mut has_ended) = (0, false);
        let mut is_over = |at_work: &mut Importing| {
            moment += 1;
            if moment == ended_at {
                let again = Importing::begin(&scratch, at_work.changes.clone());
                end(core::mem::replace(at_work, again).files);
                has_ended = true;
            }
            moment == ended_at
        };
        while let Some((number, step)) = at_work.steps.pop_front() {
            if is_over(&mut at_work) {
                continue;
            }
            let outcome = at_work.files.perform(step).unwrap_or_else(|why| Transferred::Failed { why });
            if !is_over(&mut at_work) {
                at_work.put(Input::Transferred { number, outcome });
            }
        }
        let job = at_work.ask("GET", &format!("/jobs/{id}"), &Value::Null);
        let count = at_work.ask("GET", "/statistics/devices", &Value::Null)["totalDeviceCount"].to_string();
        let errors = fs::read_to_string(scratch.path().join("importErrors.log")).unwrap();
        has_ended.then(|| [format!("{} {}", job["status"], job["failureReason"]), count, errors])
    }

    #[test]
    fn an_import_comes_to_the_same_wherever_its_hub_is_ended() {
        // What is still in memory of a hub that is killed is lost with it.
        for end in [drop, core::mem::forget] {
            let expected = outcome(1, end).unwrap();
            let [told, count, errors] = &expected;
            assert_eq!(told, "\"completed\" \"8 lines were not done: importErrors.log says why\"");
            assert_eq!((count.as_str(), errors.lines().count()), ("692", 8));
            let mut moments = 2;
            while let Some(outcome) = outcome(moments, end) {
                assert_eq!(outcome, expected, "ended at moment {moments}");
                moments += 1;
            }
            assert!(moments > 16, "{moments} moments");
        }
    }
}
