use core::net::IpAddr;
use core::num::NonZeroU16;
use core::time::Duration;
use std::path::PathBuf;

use clap::ValueEnum;
use iothub_server::{
    CommandSettings, Edition, FileSettings, Limits, Options, Ready, Retention, Running, Server, Sku,
};

use crate::duration::duration;
use crate::failure::Failure;
use crate::identity::DeviceName;
use crate::logging::{self, Level, LogFormat};
use crate::open_files;
use crate::output::{Output, remark};
use crate::signals::Interrupt;

/// Start a hub on this machine, until Ctrl-C
///
/// Serves MQTT 3.1.1 and 5 over TLS, MQTT over WebSocket and the service API over HTTPS, with a certificate of its
/// own authority for localhost, 127.0.0.1, ::1 and the names given. Prints, when it is ready, the URLs, the
/// connection strings of the service and of a first device, and the CA file that clients have to trust: all
/// of it secret enough not to be shown around. With -o json that is one line.
#[derive(clap::Args)]
#[command(after_help = r#"Examples:
  iothub up                                        the ports that SDKs insist on, 8883 and 443
  iothub up --mqtt-port 18883 --https-port 8443    where 443 needs privileges
  iothub up --data ~/my-hub                        registry, keys and certificates outlive a restart
  iothub up --bind 0.0.0.0 --hostname hub.test     for other machines that know it as hub.test
  iothub up --mqtt-port 0 --https-port 0 -o json   free ports, for a test
  iothub up --further-hub b.test                   a second hub in the same process, for b.test
  iothub up --sku S1 --units 2                     the quotas and throttles of two units of S1

Exit status: 0 after SIGINT or SIGTERM, 1 when it cannot start or go on."#)]
pub(crate) struct Arguments {
    /// The address to listen on, else 127.0.0.1 and ::1
    #[arg(long, value_name = "ADDRESS")]
    bind: Option<IpAddr>,
    /// The port for MQTT over TLS; 0 picks a free one
    #[arg(long, value_name = "PORT", default_value_t = Options::MQTT_PORT)]
    mqtt_port: u16,
    /// The port for HTTPS and MQTT over WebSocket; 0 picks a free one
    #[arg(long, value_name = "PORT", default_value_t = Options::HTTPS_PORT)]
    https_port: u16,
    /// A name that the certificate is for; the first one stands in connection strings
    #[arg(long, value_name = "NAME", value_parser = host_name)]
    hostname: Vec<String>,
    /// Serve a further hub to whoever connects by this name, with a registry and keys of its own; may be repeated
    #[arg(long, value_name = "NAME", value_parser = host_name)]
    further_hub: Vec<String>,
    /// Keep everything in this folder; without it everything is forgotten
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Divide events into so many partitions, 1 to 32; the folder for the data is made with them, else 4
    #[arg(long, visible_alias = "partition-count", value_name = "COUNT")]
    partitions: Option<u8>,
    /// Keep events in the folder for so long, up to 7d
    #[arg(long, visible_alias = "rd", value_name = "DURATION", value_parser = duration, default_value = "1d")]
    retention: Duration,
    /// The device that is there from the start
    #[arg(long, value_name = "DEVICE", value_parser = DeviceName::parse, default_value = "dev1")]
    device: DeviceName,
    /// Start without a device
    #[arg(long, conflicts_with = "device")]
    no_device: bool,
    /// Allow as much as that edition of Azure's does: messages a day, operations in a time
    #[arg(long, value_name = "SKU", default_value = "unlimited", ignore_case = true)]
    sku: SkuName,
    /// Of so many units of it
    #[arg(long, visible_alias = "unit", value_name = "COUNT", default_value = "1")]
    units: NonZeroU16,
    /// Have no more connections open at a time, 1 to 1000000: those of devices and back ends to all hubs together; else
    /// 10000, or as many as the machine lets it have
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    connections: Option<u32>,
    /// How long a message waits for its device that does not say so itself, 1m to 2d
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "1h")]
    c2d_ttl: Duration,
    /// How often a message is delivered that its device gives back, 1 to 100
    #[arg(long, value_name = "COUNT", default_value = "10")]
    c2d_max_delivery_count: u32,
    /// How long feedback waits for somebody to read it, 1m to 2d
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "1h")]
    feedback_ttl: Duration,
    /// How long feedback is kept from others that somebody has read and not completed, 5s to 300s
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "60s")]
    feedback_lock_duration: Duration,
    /// How often feedback is handed out that nobody completes, 1 to 100
    #[arg(long, value_name = "COUNT", default_value = "10")]
    feedback_max_delivery_count: u32,
    /// How long a device may write a file that it has asked to upload, 1m to 1d
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "1h")]
    fileupload_sas_ttl: Duration,
    /// Whether back ends are told of files
    #[arg(long, value_name = "BOOL", action = clap::ArgAction::Set, default_value_t = true)]
    fileupload_notifications: bool,
    /// How long that waits for somebody to read it, 1m to 2d
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "1h")]
    fileupload_notification_ttl: Duration,
    /// How long it is kept from others when somebody has read it and not completed, 5s to 300s
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "60s")]
    fileupload_notification_lock_duration: Duration,
    /// How often it is handed out that nobody completes, 1 to 100
    #[arg(long, value_name = "COUNT", default_value = "100")]
    fileupload_notification_max_delivery_count: u32,
    /// Keep no file that is longer, in MiB
    #[arg(long, value_name = "MIB", default_value = "1024")]
    fileupload_max_file: u32,
    /// Keep no more of one device, in MiB
    #[arg(long, value_name = "MIB", default_value = "4096")]
    fileupload_max_device: u32,
    /// Keep no more files in all, in MiB; without --data never more than 256
    #[arg(long, value_name = "MIB", default_value = "16384")]
    fileupload_max_hub: u32,
    /// Let back ends import and export the registry in this folder and those below it
    #[arg(long, value_name = "DIR")]
    transfer_folder: Option<PathBuf>,
    /// The id scope by which devices know the provisioning service of this process
    #[arg(long, value_name = "SCOPE", default_value = Options::ID_SCOPE)]
    id_scope: String,
    /// How much to say on standard error
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    log: Level,
    /// How to say it
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    log_format: LogFormat,
}

/// An edition, as it is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum SkuName {
    /// As much as the machine can
    Unlimited,
    /// Free: 8 000 messages of half a KiB a day
    #[value(name = "F1")]
    F1,
    /// 400 000 messages of 4 KiB a day and unit
    #[value(name = "S1")]
    S1,
    /// 6 000 000 messages of 4 KiB a day and unit
    #[value(name = "S2")]
    S2,
    /// 300 000 000 messages of 4 KiB a day and unit
    #[value(name = "S3")]
    S3,
}

pub(crate) async fn run(arguments: Arguments, output: &mut Output) -> Result<(), Failure> {
    logging::start(arguments.log, arguments.log_format);
    let mut interrupt = Interrupt::listen()?;
    let asked = arguments.connections;
    let mut options = arguments.options()?;
    options.limits.connections = connections(asked);
    let hub = Server::start(options).await;
    let hub = hub.map_err(|error| Failure::failed(&error).because(&error))?;
    let said = show(&hub, output);
    // Nobody reads what has been printed: it serves nevertheless, as `env` finds it.
    if let Err(failure) = said.or_else(Failure::unless_unheard) {
        hub.stop().await;
        return Err(failure);
    }
    let end = tokio::select! {
        () = interrupt.wait() => Ok(()),
        why = hub.failed() => Err(Failure::failed(format_args!("the hub cannot go on: {why}"))),
    };
    if end.is_ok() {
        remark("stopping");
    }
    hub.stop().await;
    end
}

/// How many connections there can be. That they are fewer than were asked for matters more than that they are fewer than
/// usual.
fn connections(asked: Option<u32>) -> usize {
    let usual = u32::try_from(Limits::default().connections).unwrap_or(u32::MAX);
    let (room, why) = open_files::make_room_for(asked.unwrap_or(usual));
    match (why, asked) {
        (Some(why), Some(asked)) => tracing::warn!(asked, "{why}"),
        (Some(why), None) => tracing::info!("{why}"),
        (None, _) => {}
    }
    room as usize
}

/// Of several hubs, one after the other; the first is first.
fn show(hub: &Running, output: &mut Output) -> Result<(), Failure> {
    output.show(hub.ready(), || introduction(hub.ready()))?;
    hub.further_hubs().try_for_each(|ready| output.show(ready, || further(ready)))
}

impl Arguments {
    fn options(self) -> Result<Options, Failure> {
        let edition = Edition::new(self.sku.into(), self.units)
            .map_err(|error| Failure::misused(format_args!("--units {}: {error}", self.units)))?;
        let retention =
            Retention::new(self.partitions, self.retention, Retention::BYTES).map_err(Failure::misused)?;
        let commands = CommandSettings::default()
            .with_ttl(self.c2d_ttl)
            .and_then(|set| set.with_deliveries_max(self.c2d_max_delivery_count))
            .and_then(|set| set.with_feedback_ttl(self.feedback_ttl))
            .and_then(|set| set.with_feedback_lock(self.feedback_lock_duration))
            .and_then(|set| set.with_feedback_deliveries_max(self.feedback_max_delivery_count))
            .map_err(Failure::misused)?;
        let mib = |count: u32| u64::from(count) * 1024 * 1024;
        let notified = self.fileupload_notifications.then_some(self.fileupload_notification_ttl);
        let files = FileSettings::default()
            .with_file_len_max(mib(self.fileupload_max_file))
            .with_device_len_max(mib(self.fileupload_max_device))
            .with_hub_len_max(mib(self.fileupload_max_hub))
            .with_access_ttl(self.fileupload_sas_ttl)
            .and_then(|set| set.with_notification_ttl(notified))
            .and_then(|set| set.with_notification_lock(self.fileupload_notification_lock_duration))
            .and_then(|set| {
                set.with_notification_deliveries_max(self.fileupload_notification_max_delivery_count)
            })
            .map_err(Failure::misused)?;
        Ok(Options {
            bind: self.bind,
            mqtt_port: self.mqtt_port,
            https_port: self.https_port,
            host_names: self.hostname,
            further_hubs: self.further_hub,
            data: self.data,
            retention,
            ready_device: (!self.no_device).then(|| self.device.id().as_str().to_owned()),
            edition,
            commands,
            files: Some(files),
            transfer_folder: self.transfer_folder,
            id_scope: self.id_scope,
            ..Options::default()
        })
    }
}

impl From<SkuName> for Sku {
    fn from(name: SkuName) -> Self {
        match name {
            SkuName::Unlimited => Self::Unlimited,
            SkuName::F1 => Self::F1,
            SkuName::S1 => Self::S1,
            SkuName::S2 => Self::S2,
            SkuName::S3 => Self::S3,
        }
    }
}

/// What is different about a further hub.
fn further(ready: &Ready) -> String {
    let name = &ready.host_name;
    format!(
        "\nA further hub serves whoever connects by the name {name}; `iothub env --hub-name {name}` points at it.\n\n\
         service    {}\ndevice     {}",
        ready.service_connection_string,
        ready.device_connection_string.as_deref().unwrap_or("none"),
    )
}

/// Where everything is, and what to type next.
fn introduction(ready: &Ready) -> String {
    let mut text = format!(
        "A hub serves on this machine. Ctrl-C stops it.\n\n\
         MQTT       {}\nWebSocket  {}\nHTTPS      {}\nCA file    {}\n\n\
         service    {}\n",
        ready.urls.mqtt,
        ready.urls.websocket,
        ready.urls.https,
        ready.ca_file.display(),
        ready.service_connection_string,
    );
    if let Some((id, string)) = ready.device_id.as_deref().zip(ready.device_connection_string.as_deref()) {
        text.push_str(&format!("{id:<10} {string}\n"));
    }
    let id = ready.device_id.as_deref().unwrap_or("dev1");
    text.push_str("\nNext, in another terminal:\n");
    if ready.device_id.is_none() {
        text.push_str("  iothub device create dev1\n");
    }
    let next = [
        ("eval \"$(iothub env)\"".to_owned(), "point SDKs at this hub"),
        ("iothub monitor".to_owned(), "watch what devices send"),
        (format!("iothub device simulate {id}"), "be a device that answers methods"),
        (format!("iothub method invoke {id} reboot '{{\"delay\":5}}'"), "call it"),
    ];
    let width = next.iter().map(|(command, _)| command.len()).max().unwrap_or_default();
    let lines = next.map(|(command, why)| format!("  {command:<width$}  {why}"));
    text + &lines.join("\n")
}

/// A name that can stand in a certificate, a URL and a connection string.
fn host_name(text: &str) -> Result<String, &'static str> {
    let is_part = |part: &str| {
        let inner = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
        (1..=63).contains(&part.len())
            && part.bytes().all(inner)
            && !part.starts_with('-')
            && !part.ends_with('-')
    };
    match text.len() <= 253 && text.split('.').all(is_part) {
        true => Ok(text.to_owned()),
        false => Err("not the name of a host, such as hub.test, nor an address such as 192.0.2.7"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_name_has_nothing_in_it_that_a_url_or_a_connection_string_would_read_differently() {
        let long = "a".repeat(63);
        let longer = "a".repeat(64);
        for (text, good) in [
            ("localhost", true),
            ("hub.test", true),
            ("my_hub-2.Test", true),
            ("192.0.2.7", true),
            (&long, true),
            (&longer, false),
            (&[&*long; 4].join("."), false),
            ("", false),
            ("a/b", false),
            ("a..b", false),
            ("hub.test.", false),
            ("-a", false),
            ("a-", false),
            ("hub.test:8443", false),
            ("::1", false),
            ("a;DeviceId=b", false),
            ("*.test", false),
            ("\u{fc}.test", false),
        ] {
            assert_eq!(host_name(text).is_ok(), good, "{text}");
        }
    }
}
