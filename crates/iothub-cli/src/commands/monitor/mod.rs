//! What happens in a hub, as it happens or from an earlier position on.

mod event;

use core::time::Duration;
use std::collections::BTreeMap;

use iothub_model::Date;
use iothub_service::{Error, EventPosition, Events, EventsWanted};
use serde_json::value::RawValue;

use crate::completion::{completer, devices};
use crate::duration::duration;
use crate::failure::Failure;
use crate::hub::Hub;
use crate::identity::DeviceName;
use crate::login::HubArguments;
use crate::output::{Output, remark};
use crate::signals::Interrupt;
use event::{Event, Properties};

/// Watch what devices send and what happens to them, as it happens or from earlier on
///
/// Telemetry, changes of twins, connections, and devices that are created and deleted, from when the command
/// says so on standard error until Ctrl-C, or from an earlier position that the hub still has. Needs a hub of your own:
/// Azure gives these over AMQP only.
#[derive(clap::Args)]
#[command(after_help = r#"Examples:
  iothub monitor
  iothub monitor --device pump-7 -o json | jq -c 'select(.kind=="telemetry").body'
  iothub monitor --device pump-7 --count 1 --timeout 10   wait for a sign of life
  iothub monitor --from earliest --timeout 1s             all that the hub has kept
  iothub monitor --from 2030-01-01T00:00:00Z
  iothub monitor --partition 2 --from 17
  iothub monitor --consumer-group billing --checkpoint    go on where it stopped the last time

Exit status: 0 after Ctrl-C, after --count events, or without --count when --timeout is over; 1
when the hub stops, or when --timeout is over before --count events have come."#)]
pub(crate) struct Arguments {
    /// Only events of this device and its modules
    #[arg(long, short, visible_alias = "device-id", value_name = "DEVICE", value_parser = DeviceName::parse, add = completer(devices))]
    device: Option<DeviceName>,
    /// From earliest, latest, checkpoint, a time, or a sequence number of the --partition; else from now on
    #[arg(long, value_name = "POSITION", value_parser = From::parse)]
    from: Option<From>,
    /// From events that were enqueued then or later, in milliseconds since 1970
    #[arg(long, visible_alias = "et", value_name = "MILLISECONDS", conflicts_with = "from")]
    enqueued_time: Option<u64>,
    /// Only events of this partition
    #[arg(long, value_name = "NUMBER")]
    partition: Option<u8>,
    /// Whose checkpoints are meant
    #[arg(long, short, visible_aliases = ["cg", "group"], value_name = "NAME", default_value = "$Default")]
    consumer_group: String,
    /// Begin where the consumer group has come to, and put down how far it comes
    #[arg(long, conflicts_with = "device")]
    checkpoint: bool,
    /// When the hub stops, wait for it and go on behind the last event
    #[arg(long)]
    reconnect: bool,
    /// Which properties a table shows; else those that say most
    #[arg(long, short, visible_alias = "props", value_name = "WHICH", num_args = 1..)]
    properties: Vec<Properties>,
    /// End after this many events
    #[arg(long, visible_aliases = ["message-count", "mc"], value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// End when no event has come for so long, in seconds or as in 2m
    #[arg(long, visible_alias = "to", value_name = "DURATION", value_parser = duration)]
    timeout: Option<Duration>,
    #[command(flatten)]
    hub: HubArguments,
}

/// A position, as it is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum From {
    Earliest,
    Latest,
    Checkpoint,
    Time(Date),
    Sequence(u64),
}

impl From {
    fn parse(text: &str) -> Result<Self, &'static str> {
        match text {
            "earliest" => Ok(Self::Earliest),
            "latest" => Ok(Self::Latest),
            "checkpoint" => Ok(Self::Checkpoint),
            text => match (text.parse(), text.parse()) {
                (Ok(sequence), _) => Ok(Self::Sequence(sequence)),
                (Err(_), Ok(time)) => Ok(Self::Time(time)),
                (Err(_), Err(_)) => Err(
                    "write earliest, latest, checkpoint, a time such as 2030-01-01T00:00:00Z, or a sequence number",
                ),
            },
        }
    }
}

pub(crate) async fn run(arguments: &Arguments, output: &mut Output) -> Result<(), Failure> {
    let mut interrupt = Interrupt::listen()?;
    let hub = Hub::open(&arguments.hub)?;
    let mut watch = tokio::select! {
        () = interrupt.wait() => return Ok(()),
        watch = Watch::open(arguments, &hub) => watch?,
    };
    remark(&format!("watching {}; Ctrl-C ends it", hub.login.host()?));
    let end = tokio::select! {
        () = interrupt.wait() => Ok(()),
        end = watch.follow(output) => end,
    };
    if arguments.checkpoint {
        let put = watch.put_checkpoints().await;
        return end.and(put);
    }
    end
}

/// Events that are being shown.
struct Watch<'a> {
    arguments: &'a Arguments,
    hub: &'a Hub,
    events: Events,
    /// Behind what was shown: a checkpoint is not to pass over what was received only.
    shown: BTreeMap<u8, u64>,
    /// What the checkpoints say already.
    put: BTreeMap<u8, u64>,
}

impl<'a> Watch<'a> {
    async fn open(arguments: &'a Arguments, hub: &'a Hub) -> Result<Self, Failure> {
        let wanted = EventsWanted {
            from: arguments.position()?,
            partition: arguments.partition,
            device: arguments.device.as_ref().map(|device| device.id().as_str().to_owned()),
        };
        let events = hub.service.follow_events(wanted).await.map_err(|error| hub.explain(error, None))?;
        let shown = events.positions().clone();
        Ok(Self { arguments, hub, events, shown, put: BTreeMap::new() })
    }

    async fn follow(&mut self, output: &mut Output) -> Result<(), Failure> {
        let mut left = self.arguments.count;
        let mut since_checkpoint = 0;
        while left != Some(0) {
            let event = match self.arguments.timeout {
                None => self.next().await?,
                Some(timeout) => match tokio::time::timeout(timeout, self.next()).await {
                    Ok(event) => event?,
                    Err(_) => return silence(timeout, left),
                },
            };
            let Some((line, event)) = event else {
                return Err(Failure::failed("the hub has stopped, so there is nothing more to watch"));
            };
            output.show(&line, || event.line(&self.arguments.properties))?;
            left = left.map(|left| left - 1);
            if self.arguments.checkpoint {
                self.shown.clone_from(self.events.positions());
                since_checkpoint += 1;
                if since_checkpoint == EVENTS_PER_CHECKPOINT {
                    since_checkpoint = 0;
                    self.put_checkpoints().await?;
                }
            }
        }
        Ok(())
    }

    /// The next event, and the line it came as; `None` when there will be none.
    async fn next(&mut self) -> Result<Option<(Line, Event)>, Failure> {
        loop {
            let line = match self.events.next().await {
                Ok(Some(line)) => line,
                Ok(None) | Err(Error::Unreachable { .. }) if self.arguments.reconnect => {
                    self.reconnect().await?;
                    continue;
                }
                Ok(None) => return Ok(None),
                Err(error) => return Err(interrupted(self.hub, error)),
            };
            let event: Event = serde_json::from_str(line.get())
                .map_err(|error| Failure::failed(format_args!("an event that cannot be read: {error}")))?;
            if event.kind == "skipped" {
                let count = event.count.unwrap_or_default();
                remark(&format!("{count} events are not shown: the hub does not keep them any longer"));
            } else {
                return Ok(Some((line, event)));
            }
        }
    }

    /// Returns when the hub is there again.
    async fn reconnect(&mut self) -> Result<(), Failure> {
        remark("the hub has stopped, or cannot be reached any more; waiting for it");
        loop {
            match self.events.reconnect().await {
                Ok(()) => {
                    remark("watching again");
                    return Ok(());
                }
                Err(Error::Unreachable { .. } | Error::TimedOut { .. }) => tokio::time::sleep(RETRY).await,
                Err(error) => return Err(self.hub.explain(error, None)),
            }
        }
    }

    async fn put_checkpoints(&mut self) -> Result<(), Failure> {
        for (partition, next) in &self.shown {
            if self.put.get(partition) == Some(next) {
                continue;
            }
            let put =
                self.hub.service.put_checkpoint(&self.arguments.consumer_group, *partition, *next).await;
            put.map_err(|error| self.hub.explain(error, None))?;
            self.put.insert(*partition, *next);
        }
        Ok(())
    }
}

impl Arguments {
    fn position(&self) -> Result<EventPosition, Failure> {
        let checkpoint = || EventPosition::Checkpoint(self.consumer_group.clone());
        Ok(match (self.from, self.enqueued_time) {
            (Some(From::Earliest), _) => EventPosition::Earliest,
            (Some(From::Latest), _) => EventPosition::Latest,
            (Some(From::Checkpoint), _) => checkpoint(),
            (Some(From::Time(time)), _) => EventPosition::Enqueued(time),
            (Some(From::Sequence(sequence)), _) => {
                let partition = self.partition.ok_or_else(|| {
                    Failure::misused("a sequence number is one of a partition: add --partition")
                })?;
                EventPosition::sequence(partition, sequence)
            }
            (None, Some(millis)) => EventPosition::Enqueued(Date::from_millis(millis)),
            (None, None) if self.checkpoint => checkpoint(),
            (None, None) => EventPosition::Latest,
        })
    }
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

/// Why there are no more events: that a stream breaks says more than how it was read.
fn interrupted(hub: &Hub, error: Error) -> Failure {
    if matches!(error, Error::Unreachable { .. }) {
        return Failure::failed("the hub has stopped, or cannot be reached any more").cause(&error);
    }
    hub.explain(error, None)
}

/// How often a hub is tried that is not there.
const RETRY: Duration = Duration::from_millis(500);
/// How many events come again at most when this program is killed.
const EVENTS_PER_CHECKPOINT: u32 = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_a_failure_only_when_something_was_wanted() {
        assert!(silence(Duration::from_secs(1), None).is_ok());
        assert!(silence(Duration::from_secs(1), Some(2)).is_err());
    }

    #[test]
    fn a_position_is_a_word_a_time_or_a_number() {
        for (text, from) in [
            ("earliest", Some(From::Earliest)),
            ("latest", Some(From::Latest)),
            ("checkpoint", Some(From::Checkpoint)),
            ("0", Some(From::Sequence(0))),
            ("2030-01-01T00:00:00Z", Some(From::Time(Date::from_millis(1_893_456_000_000)))),
            ("Earliest", None),
            ("-1", None),
            ("18446744073709551616", None),
            ("", None),
        ] {
            assert_eq!(From::parse(text).ok(), from, "{text}");
        }
    }
}
