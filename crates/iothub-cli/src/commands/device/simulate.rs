use core::cell::RefCell;
use core::time::Duration;

use iothub_codec::{Channels, Dialect, Identity};
use iothub_device::{
    Commands, ConnectError, ConnectionStatus, DesiredUpdate, Device, FailureClass, Message, MethodResponse,
    Methods, ProxyError, Session, Twin,
};
use serde_json::{Value, json};

use super::being;
use super::deed::{Deed, Entry};
use super::proof::CertificateArguments;
use super::way::WayArguments;
use crate::clock;
use crate::dialect::dialect;
use crate::duration::duration;
use crate::failure::Failure;
use crate::hub::Hub;
use crate::identity::IdentityArgument;
use crate::login::HubArguments;
use crate::output::Output;
use crate::signals::Interrupt;
use crate::terminal::printable;

/// Be a device: answer methods, send telemetry, report what is desired
///
/// Connects over MQTT as a device, or module, that exists, with its first key or a
/// certificate. Prints what it does, as JSON
/// one object per line. Every method is answered with status 200 and the payload it came with; with --method,
/// those named are answered as it says and others with 404. Messages to the device are printed and completed.
/// Connects again by itself when the connection breaks. Ends with Ctrl-C, or after --count messages.
#[derive(clap::Args)]
#[command(after_help = r#"Examples:
  iothub device simulate pump-7
  iothub device simulate pump-7 --interval 200ms --count 50
  iothub device simulate pump-7 --method 'reboot=200:{"in":"5 s"}' --method 'self-test=500:"broken"'
  iothub device simulate gateway-1 --module-id camera --no-telemetry
  iothub device simulate pump-7 --dialect preview5
  iothub device simulate pump-10 --certificate-file-path pump-10.pem --key-file-path pump-10-key.pem
  iothub device simulate pump-7 --websocket --proxy http://proxy.example:3128
  iothub device simulate pump-7 --proxy @proxy.txt     user and password stay out of the list of processes

Exit status: 0 after Ctrl-C or --count messages, 1 when the hub does not let it in, or no more, 6 when it is not
reached."#)]
pub(crate) struct Arguments {
    #[command(flatten)]
    identity: IdentityArgument,
    /// How to talk with the hub: over MQTT 3.1.1 as all SDKs do, or in one of the two ways that were previews
    /// once; preview5 is MQTT 5
    #[arg(long, value_name = "DIALECT", value_parser = dialect(), default_value = "classic")]
    dialect: Dialect,
    /// Time from one telemetry message to the next, as in 500ms or 2m
    #[arg(long, visible_aliases = ["msg-interval", "mi"], value_name = "DURATION", value_parser = more_than_nothing, default_value = "1s")]
    interval: Duration,
    /// End after this many telemetry messages
    #[arg(long, visible_aliases = ["msg-count", "mc"], value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// Send no telemetry
    #[arg(long, conflicts_with_all = ["interval", "count"])]
    no_telemetry: bool,
    /// How to answer a method; may be repeated
    #[arg(long, value_name = "NAME=STATUS:JSON", value_parser = Answer::parse)]
    method: Vec<Answer>,
    #[command(flatten)]
    certificate: CertificateArguments,
    #[command(flatten)]
    way: WayArguments,
    #[command(flatten)]
    hub: HubArguments,
}

/// What a method is answered with.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Answer {
    method: String,
    status: i32,
    payload: Value,
}

pub(crate) async fn run(arguments: &Arguments, output: &mut Output) -> Result<(), Failure> {
    let mut interrupt = Interrupt::listen()?;
    let who = arguments.identity.identity();
    let device = tokio::select! {
        () = interrupt.wait() => return Ok(()),
        device = connect(arguments, who) => device?,
    };
    let journal = Journal(RefCell::new(output));
    let end = tokio::select! {
        () = interrupt.wait() => Ok(()),
        end = live(arguments, &device, &journal) => end,
    };
    device.close().await;
    end
}

async fn connect(arguments: &Arguments, who: Identity<'_>) -> Result<Device, Failure> {
    let hub = Hub::open(&arguments.hub)?;
    let way = arguments.way.to(&hub.login)?;
    let options = being::options(&hub, who, &arguments.certificate, &way).await?;
    let channels = Channels::METHODS | Channels::COMMANDS | Channels::DESIRED;
    // A simulation leaves no subscriptions behind for the device that comes after it.
    let options = options.session(Session::Fresh).subscribe(channels);
    let options = options.dialect(arguments.dialect);
    let device = Device::connect(options).await;
    device.map_err(|error| {
        let line = format!("{who} cannot connect: {}", advised(&error));
        let may_pass = error.class() == FailureClass::Unreachable;
        if may_pass { Failure::unreached(line) } else { Failure::failed(line) }.because(&error)
    })
}

fn advised(error: &ConnectError) -> String {
    match error {
        ConnectError::Refused { .. } => {
            format!(
                "{error} (is it disabled or deleted? `iothub device show` says; the hub's log has the reason)"
            )
        }
        ConnectError::Tls { .. } => format!("{error} (does the CA file belong to this hub?)"),
        ConnectError::Proxy { source: ProxyError::Unauthorized { given, .. }, .. } => {
            let what = if *given { "others" } else { "some" };
            format!("{error} (give it {what}: --proxy http://USER:PASSWORD@HOST:PORT)")
        }
        ConnectError::Unreachable { .. }
        | ConnectError::Proxy { .. }
        | ConnectError::NotUpgraded { .. }
        | ConnectError::NoWebSocket { .. }
        | ConnectError::Credentials(_)
        | ConnectError::NoRoots(_)
        | ConnectError::BadServerName { .. }
        | ConnectError::TimedOut { .. }
        | ConnectError::ClosedByHub
        | ConnectError::Dismissed { .. }
        | ConnectError::NotRenewed
        | ConnectError::NotExpressible(_)
        | ConnectError::Broken(_)
        | ConnectError::Wire(_)
        | ConnectError::Peer(_)
        | ConnectError::Unwritable(_)
        | ConnectError::Unsendable(_)
        | _ => error.to_string(),
    }
}

/// Everything a device does at once, until something ends it.
async fn live(arguments: &Arguments, device: &Device, journal: &Journal<'_>) -> Result<(), Failure> {
    let deaf = |error| Failure::failed(format_args!("the device cannot listen: {error}"));
    let (methods, commands) = (device.methods().await.map_err(deaf)?, device.commands().await.map_err(deaf)?);
    let name = arguments.identity.identity().to_string();
    tokio::select! {
        // That it is connected is told before what waited for that.
        biased;
        end = follow_status(device, &name, journal) => end,
        end = follow_desired(device.twin(), journal) => end,
        end = answer_methods(methods, &arguments.method, journal) => end,
        end = take_commands(commands, journal) => end,
        end = send_telemetry(arguments, device, journal) => end,
    }
}

async fn follow_status(device: &Device, name: &str, journal: &Journal<'_>) -> Result<(), Failure> {
    let mut watch = device.status();
    let mut next = Some(watch.current());
    while let Some(status) = next {
        match status {
            ConnectionStatus::Connecting => {}
            ConnectionStatus::Connected => {
                journal.note(&Deed::Connected { device_id: name.to_owned() })?;
            }
            // The device would try again and again, as devices should. Whoever plays one wants to know.
            ConnectionStatus::Disconnected { cause, .. } if is_refusal(&cause) => {
                return Err(refused_again(name, &cause));
            }
            ConnectionStatus::Disconnected { cause, retry_in, .. } => {
                let retry_in_ms = u64::try_from(retry_in.as_millis()).unwrap_or(u64::MAX);
                journal.note(&Deed::Disconnected { cause: cause.to_string(), retry_in_ms })?;
            }
            ConnectionStatus::Closed { cause: Some(cause) } => {
                return Err(refused_again(name, &cause));
            }
            ConnectionStatus::Closed { cause: None } | _ => return Ok(()),
        }
        next = watch.changed().await;
    }
    Ok(())
}

/// Whether the hub will say the same the next time.
fn is_refusal(cause: &ConnectError) -> bool {
    matches!(cause, ConnectError::Refused { reason, .. } if !reason.is_retryable())
}

fn refused_again(name: &str, cause: &ConnectError) -> Failure {
    Failure::failed(format_args!("{name} cannot connect again: {}", advised(cause)))
}

async fn follow_desired(twin: Twin, journal: &Journal<'_>) -> Result<(), Failure> {
    let changes = twin.desired_changes().await;
    let mut changes =
        changes.map_err(|error| Failure::failed(format_args!("the device cannot listen: {error}")))?;
    while let Some(update) = changes.next().await {
        let Ok(json) = update.json::<Value>() else { continue };
        let (version, properties) = (update.version(), without_reserved(json));
        match update {
            // What was wanted while nobody listened: often nothing.
            DesiredUpdate::Whole { .. } if properties.as_object().is_some_and(serde_json::Map::is_empty) => {
                continue;
            }
            DesiredUpdate::Whole { .. } => {}
            DesiredUpdate::Patch { .. } => {
                journal.note(&Deed::Desired { version, properties: properties.clone() })?;
            }
        }
        report(&twin, properties, journal).await?;
    }
    ended().await
}

async fn report(twin: &Twin, properties: Value, journal: &Journal<'_>) -> Result<(), Failure> {
    match twin.report(&properties).await {
        Ok(version) => journal.note(&Deed::Reported { version, properties }),
        Err(error) => journal.note(&Deed::Failed { what: "reporting", cause: error.to_string() }),
    }
}

async fn answer_methods(
    mut methods: Methods,
    answers: &[Answer],
    journal: &Journal<'_>,
) -> Result<(), Failure> {
    while let Some(call) = methods.next().await {
        let name = call.name.clone();
        let payload = call.json().unwrap_or_else(|_| json!(String::from_utf8_lossy(&call.payload)));
        let (status, answer) = answer(answers, &name, &payload);
        // Noted when it is on its way: whoever reads the line may count on the answer.
        let deed = match call.reply(MethodResponse::new(status, answer.clone())).await {
            Ok(()) => Deed::Method { name, payload, status, answer },
            Err(error) => Deed::Failed { what: "answering", cause: error.to_string() },
        };
        journal.note(&deed)?;
    }
    ended().await
}

fn answer(answers: &[Answer], name: &str, payload: &Value) -> (i32, Value) {
    match answers.iter().find(|answer| answer.method == name) {
        Some(answer) => (answer.status, answer.payload.clone()),
        None if answers.is_empty() => (200, payload.clone()),
        None => (404, json!({ "message": format!("no method {name}") })),
    }
}

async fn take_commands(mut commands: Commands, journal: &Journal<'_>) -> Result<(), Failure> {
    while let Some(command) = commands.next().await {
        let payload = String::from_utf8_lossy(&command.payload).into_owned();
        let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        let properties = command.properties.iter().map(own).collect();
        journal.note(&Deed::Command { payload, properties })?;
        if let Err(error) = command.complete().await {
            journal.note(&Deed::Failed { what: "completing", cause: error.to_string() })?;
        }
    }
    ended().await
}

async fn send_telemetry(
    arguments: &Arguments,
    device: &Device,
    journal: &Journal<'_>,
) -> Result<(), Failure> {
    if arguments.no_telemetry {
        return core::future::pending().await;
    }
    let mut ticks = tokio::time::interval(arguments.interval);
    // After an outage one message is due, not all that were missed.
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    for number in 1..=arguments.count.unwrap_or(u64::MAX) {
        ticks.tick().await;
        let body = measurement(number);
        let message = Message::new(body.to_string())
            .content_type("application/json")
            .content_encoding("utf-8")
            .property("simulated", "true");
        match device.send(message).await {
            Ok(()) => journal.note(&Deed::Telemetry { number, body })?,
            Err(error) => journal.note(&Deed::Failed { what: "sending", cause: error.to_string() })?,
        }
    }
    Ok(())
}

/// A temperature that rises and falls, slowly and every time in the same way.
fn measurement(number: u64) -> Value {
    let phase = number % 40;
    let tenths = 200 + phase.min(40 - phase);
    json!({ "number": number, "temperature": tenths as f64 / 10.0 })
}

/// The device is closed; what it died of is found by [`follow_status`].
async fn ended() -> Result<(), Failure> {
    core::future::pending().await
}

fn without_reserved(mut properties: Value) -> Value {
    if let Some(members) = properties.as_object_mut() {
        members.retain(|name, _| !name.starts_with('$'));
    }
    properties
}

/// Where a device writes down what it does, from several places at once.
struct Journal<'a>(RefCell<&'a mut Output>);

impl Journal<'_> {
    fn note(&self, deed: &Deed) -> Result<(), Failure> {
        let entry = Entry { time: clock::date(), deed };
        self.0.borrow_mut().show(&entry, || printable(&entry.to_string()).into_owned())
    }
}

impl Answer {
    /// Reads `NAME=STATUS:JSON`, or `NAME=STATUS` for an answer without a payload.
    fn parse(text: &str) -> Result<Self, String> {
        const FORM: &str = "write NAME=STATUS:JSON, as in 'reboot=200:{\"in\":\"5 s\"}'";
        let (method, rest) = text.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or(FORM)?;
        let (status, payload) = match rest.split_once(':') {
            Some((status, payload)) => {
                (status, serde_json::from_str(payload).map_err(|e| format!("{e}; {FORM}"))?)
            }
            None => (rest, Value::Null),
        };
        let status = status.parse().map_err(|_| FORM)?;
        Ok(Self { method: method.into(), status, payload })
    }
}

fn more_than_nothing(text: &str) -> Result<Duration, String> {
    let duration = duration(text)?;
    if duration.is_zero() { Err("not even a millisecond".into()) } else { Ok(duration) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_a_name_a_status_and_perhaps_json() {
        let answer = |method: &str, status, payload| Some(Answer { method: method.into(), status, payload });
        for (text, read) in [
            ("reboot=200:{\"a\":\"b=c:d\"}", answer("reboot", 200, json!({"a": "b=c:d"}))),
            ("reboot=503", answer("reboot", 503, json!(null))),
            ("r=-1:null", answer("r", -1, json!(null))),
            ("reboot", None),
            ("=200:{}", None),
            ("reboot=:{}", None),
            ("reboot=200:", None),
            ("reboot=200:{", None),
            ("reboot=2.5:{}", None),
        ] {
            assert_eq!(Answer::parse(text).ok(), read, "{text}");
        }
    }

    #[test]
    fn a_method_is_answered_as_was_said_and_echoed_when_nothing_was() {
        let answers = [Answer { method: "reboot".into(), status: 503, payload: json!("no") }];
        for (answers, name, expected) in [
            (&answers[..], "reboot", (503, json!("no"))),
            (&answers, "other", (404, json!({"message": "no method other"}))),
            (&[], "other", (200, json!({"a": 1}))),
        ] {
            assert_eq!(answer(answers, name, &json!({"a": 1})), expected, "{name}");
        }
    }

    #[test]
    fn the_temperature_rises_and_falls_within_reason() {
        for (number, temperature) in [(1, 20.1), (20, 22.0), (39, 20.1), (40, 20.0), (41, 20.1)] {
            assert_eq!(measurement(number), json!({"number": number, "temperature": temperature}));
        }
    }

    #[test]
    fn what_the_hub_adds_to_a_section_is_not_reported() {
        assert_eq!(
            without_reserved(json!({"$version": 3, "a": {"$b": 1}, "$metadata": {}})),
            json!({"a": {"$b": 1}})
        );
    }
}
