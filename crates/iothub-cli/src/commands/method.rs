use clap::Subcommand;
use iothub_codec::Identity;
use iothub_model::{ErrorCode, MethodInvocation, MethodResult};
use iothub_service::Error;

use crate::completion::{completer, devices};
use crate::content::json;
use crate::failure::Failure;
use crate::hub::Hub;
use crate::identity::{DeviceName, ModuleName, Positions};
use crate::login::HubArguments;
use crate::output::Output;
use crate::table;

/// Direct methods: call a device and wait for its answer
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Call a method of a device or module, and print the answer
    ///
    /// The answer is a status, which is the device's own number, and a payload. A device that answers with
    /// an error has answered: the exit status is 0 all the same, unless --fail-on-status asks for 1 when the
    /// status is not 200 to 299. Where there is no answer it is 3 if the device is not there, and 6 if it is not
    /// connected, or silent for too long.
    #[command(after_help = r#"Examples:
  iothub method invoke pump-7 reboot
  iothub method invoke pump-7 reboot '{"delay":5}' --timeout 10
  iothub method invoke --device-id pump-7 --method-name reboot --method-payload @delay.json
  iothub method invoke gateway-1 -m camera shoot --connect-timeout 60
  iothub method invoke pump-7 self-test --fail-on-status -o json | jq .payload"#)]
    Invoke(Arguments),
}

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The name of the device
    #[arg(value_name = "DEVICE", add = completer(devices))]
    first: Option<String>,
    /// The name of the method
    #[arg(value_name = "METHOD")]
    second: Option<String>,
    /// The argument of the method: JSON, @FILE, or - for standard input
    #[arg(value_name = "PAYLOAD")]
    third: Option<String>,
    /// The name of the device, as an option
    #[arg(long, short, value_name = "DEVICE", add = completer(devices))]
    device_id: Option<String>,
    /// The name of a module of the device
    #[arg(long, short, value_name = "MODULE", value_parser = ModuleName::parse)]
    module_id: Option<ModuleName>,
    /// The name of the method, as an option
    #[arg(long, visible_alias = "mn", value_name = "METHOD")]
    method_name: Option<String>,
    /// The argument of the method, as an option
    #[arg(long, visible_alias = "mp", value_name = "PAYLOAD")]
    method_payload: Option<String>,
    /// Seconds that the device may take to answer, 5 to 300 [default: 30]
    #[arg(long, visible_alias = "to", value_name = "SECONDS", value_parser = clap::value_parser!(i64).range(5..=300))]
    timeout: Option<i64>,
    /// Seconds to wait for the device to connect, 0 to 300 [default: 0]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(i64).range(0..=300))]
    connect_timeout: Option<i64>,
    /// Exit with 1 unless the device's status is 200 to 299
    #[arg(long)]
    fail_on_status: bool,
    #[command(flatten)]
    hub: HubArguments,
}

pub(crate) async fn run(command: &Command, output: &mut Output) -> Result<(), Failure> {
    match command {
        Command::Invoke(arguments) => invoke(arguments, output).await,
    }
}

async fn invoke(arguments: &Arguments, output: &mut Output) -> Result<(), Failure> {
    let (device, call) = arguments.read()?;
    let hub = Hub::open(&arguments.hub)?;
    let module = arguments.module_id.as_ref().map(ModuleName::id);
    let on = Identity { device: device.id(), module };
    let result = hub.service.invoke_method(on, &call).await;
    let result = result.map_err(|error| explain(&hub, error, on, &call))?;
    output.show(&result, || record(&result))?;
    if arguments.fail_on_status && !(200..300).contains(&result.status) {
        let (method, status) = (&call.method_name, result.status);
        return Err(Failure::failed(format_args!("{on} answered {method} with status {status}")));
    }
    Ok(())
}

impl Arguments {
    fn read(&self) -> Result<(DeviceName, MethodInvocation), Failure> {
        let mut positions = Positions::new(&[&self.first, &self.second, &self.third]);
        let device = positions.device(self.device_id.as_deref())?;
        let method = positions.required("<METHOD>", self.method_name.as_deref())?;
        let payload = positions.optional(self.method_payload.as_deref());
        positions.end()?;
        let payload = payload.map(|text| json("--method-payload", text)).transpose()?;
        Ok((
            device,
            MethodInvocation {
                payload,
                response_timeout_in_seconds: self.timeout,
                connect_timeout_in_seconds: self.connect_timeout,
                ..MethodInvocation::new(method)
            },
        ))
    }
}

fn explain(hub: &Hub, error: Error, on: Identity<'_>, call: &MethodInvocation) -> Failure {
    match error.code() {
        Some(ErrorCode::GatewayTimeout) => Failure::unreached(format_args!(
            "{on} did not answer {} within {} s; it may have done it (--timeout waits longer)",
            call.method_name,
            call.response_timeout().as_secs(),
        ))
        .cause(&error),
        _ => hub.explain(error, Some(on)),
    }
}

fn record(result: &MethodResult) -> String {
    let payload = serde_json::from_str::<serde_json::Value>(result.payload.get());
    let pretty = payload.ok().and_then(|value| serde_json::to_string_pretty(&value).ok());
    let payload = pretty.unwrap_or_else(|| result.payload.get().to_owned());
    table::record([("status", result.status.to_string()), ("payload", payload)])
}
