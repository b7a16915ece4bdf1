use core::fmt::Write;
use core::time::Duration;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::clock::shown;
use crate::duration::duration;
use crate::failure::Failure;
use crate::hub::Hub;
use crate::identity::DeviceName;
use crate::login::HubArguments;
use crate::output::{Output, remark};
use crate::terminal::printable;

/// Watch what devices send and what happens to them, as it happens
///
/// Telemetry, changes of twins, connections, and devices that are created and deleted, from when the command
/// says so on standard error until Ctrl-C. Needs a hub of your own: Azure gives these over AMQP only.
#[derive(clap::Args)]
#[command(after_help = r#"Examples:
  iothub monitor
  iothub monitor --device pump-7 -o json | jq -c 'select(.kind=="telemetry").body'
  iothub monitor --device pump-7 --count 1 --timeout 10   wait for a sign of life

Exit status: 0 after Ctrl-C, after --count events, or without --count when --timeout is over; 1
when the hub stops, or when --timeout is over before --count events have come."#)]
pub(crate) struct Arguments {
    /// Only events of this device and its modules
    #[arg(long, short, visible_alias = "device-id", value_name = "DEVICE", value_parser = DeviceName::parse)]
    device: Option<DeviceName>,
    /// End after this many events
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// End when no event has come for so long, in seconds or as in 2m
    #[arg(long, visible_alias = "to", value_name = "DURATION", value_parser = duration)]
    timeout: Option<Duration>,
    #[command(flatten)]
    hub: HubArguments,
}

pub(crate) async fn run(arguments: &Arguments, output: &mut Output) -> Result<(), Failure> {
    let mut interrupt = crate::signals::Interrupt::listen()?;
    tokio::select! {
        () = interrupt.wait() => Ok(()),
        end = follow(arguments, output) => end,
    }
}

async fn follow(arguments: &Arguments, output: &mut Output) -> Result<(), Failure> {
    let hub = Hub::open(&arguments.hub)?;
    let mut events = hub.service.events().await.map_err(|error| hub.explain(error, None))?;
    remark(&format!("watching {}; Ctrl-C ends it", hub.login.host()?));
    let mut left = arguments.count;
    while left != Some(0) {
        let waiting = next(&mut events, &hub, arguments.device.as_ref());
        let event = match arguments.timeout {
            None => waiting.await?,
            Some(timeout) => match tokio::time::timeout(timeout, waiting).await {
                Ok(event) => event?,
                Err(_) => return silence(timeout, left),
            },
        };
        let Some((line, event)) = event else {
            return Err(Failure::failed("the hub has stopped, so there is nothing more to watch"));
        };
        output.show(&line, || event.line())?;
        left = left.map(|left| left - 1);
    }
    Ok(())
}

fn silence(timeout: Duration, left: Option<u64>) -> Result<(), Failure> {
    match left {
        None => Ok(()),
        Some(left) => Err(Failure::failed(format_args!(
            "nothing for {timeout:?}, and {left} more would have been wanted"
        ))),
    }
}

type Line = Box<RawValue>;

/// The next event that is wanted, and the line it came as; `None` when there will be none.
async fn next(
    events: &mut iothub_service::Events,
    hub: &Hub,
    device: Option<&DeviceName>,
) -> Result<Option<(Line, Event)>, Failure> {
    while let Some(line) = events.next().await.map_err(|error| interrupted(hub, error))? {
        let event: Event = serde_json::from_str(line.get())
            .map_err(|error| Failure::failed(format_args!("an event that cannot be read: {error}")))?;
        if event.kind == "skipped" {
            let count = event.count.unwrap_or_default();
            remark(&format!("{count} events were not shown: they came faster than they were read"));
        } else if device.is_none_or(|device| device.id().as_str() == event.device_id) {
            return Ok(Some((line, event)));
        }
    }
    Ok(None)
}

/// Why there are no more events: that a stream breaks says more than how it was read.
fn interrupted(hub: &Hub, error: iothub_service::Error) -> Failure {
    if matches!(error, iothub_service::Error::Unreachable { .. }) {
        return Failure::failed("the hub has stopped, or cannot be reached any more").cause(&error);
    }
    hub.explain(error, None)
}

/// What a line shows of an event. Whatever else is in it goes through to programs.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Event {
    kind: String,
    device_id: String,
    module_id: Option<String>,
    enqueued_time: String,
    system_properties: BTreeMap<String, String>,
    properties: BTreeMap<String, String>,
    body: Option<Box<RawValue>>,
    body_base64: Option<String>,
    /// How many events are missing, where the kind says so.
    count: Option<u64>,
}

impl Event {
    fn line(&self) -> String {
        let time = self.enqueued_time.parse().map_or_else(|_| self.enqueued_time.clone(), shown);
        let mut line = format!("{time}  {}", self.device_id);
        if let Some(module) = &self.module_id {
            line.push('/');
            line.push_str(module);
        }
        line.push_str("  ");
        line.push_str(&self.kind);
        match (&self.body, &self.body_base64) {
            (Some(body), _) => write!(line, "  {}", body.get()),
            (None, Some(bytes)) => write!(line, "  base64 {bytes}"),
            (None, None) => Ok(()),
        }
        .expect("a text takes every text");
        let is_shown = |name: &str| matches!(name, "content-type" | "message-id" | "opType");
        let system = self.system_properties.iter().filter(|(name, _)| is_shown(name));
        for (name, value) in system.chain(&self.properties) {
            write!(line, "  {name}={value}").expect("a text takes every text");
        }
        printable(&line).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_line_that_cannot_steer_the_terminal() {
        for (json, line) in [
            (
                r#"{"kind":"telemetry","deviceId":"pump-7","enqueuedTime":"2026-11-21T12:00:00Z","systemProperties":
                   {"content-type":"application/json","iothub-connection-device-id":"pump-7"},"properties":
                   {"room":"2b"},"body":{"t":21.50}}"#,
                "2026-11-21T12:00:00.000Z  pump-7  telemetry  {\"t\":21.50}  content-type=application/json  room=2b",
            ),
            (
                r#"{"kind":"telemetry","deviceId":"d","moduleId":"m","enqueuedTime":"t","properties":{"a":"\u001b[2J\n"},
                   "bodyBase64":"/w==","later":1}"#,
                "t  d/m  telemetry  base64 /w==  a=\\u{1b}[2J\\u{a}",
            ),
        ] {
            let event: Event = serde_json::from_str(json).unwrap();
            assert_eq!(event.line(), line);
        }
    }

    #[test]
    fn silence_is_a_failure_only_when_something_was_wanted() {
        assert!(silence(Duration::from_secs(1), None).is_ok());
        assert!(silence(Duration::from_secs(1), Some(2)).is_err());
    }
}
