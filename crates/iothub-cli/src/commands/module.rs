use clap::Subcommand;
use iothub_codec::Identity;
use iothub_model::{IfMatch, Module};

use crate::clock::shown;
use crate::commands::device::{Keys, ProofArguments};
use crate::completion::{completer, devices};
use crate::failure::Failure;
use crate::hub::Hub;
use crate::identity::{DeviceArgument, DeviceName, ModuleName, Positions};
use crate::login::HubArguments;
use crate::output::Output;
use crate::table;

/// Modules of a device: create, list, show, delete
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Register a module of a device
    ///
    /// The hub makes its two keys. `iothub device connection-string DEVICE --module-id MODULE` prints what
    /// the module connects with.
    #[command(after_help = "Examples:\n  iothub module create gateway-1 camera\n  iothub module create -d \
                            gateway-1 -m camera --managed-by iotEdge")]
    Create(CreateArguments),
    /// List the modules of a device
    ///
    /// As JSON it is one array, without keys.
    #[command(after_help = "Examples:\n  iothub module list gateway-1")]
    List(ListArguments),
    /// Show a module as the registry has it
    ///
    /// Its keys do not show unless asked for.
    #[command(
        after_help = "Examples:\n  iothub module show gateway-1 camera\n  iothub module show gateway-1 \
                            camera --show-keys"
    )]
    Show(ShowArguments),
    /// Delete a module and its twin
    ///
    /// There is no result, and no way back.
    #[command(after_help = "Examples:\n  iothub module delete gateway-1 camera")]
    Delete(NameArguments),
}

#[derive(clap::Args)]
pub(crate) struct NameArguments {
    /// The name of the device
    #[arg(value_name = "DEVICE", add = completer(devices))]
    first: Option<String>,
    /// The name of the module
    #[arg(value_name = "MODULE")]
    second: Option<String>,
    /// The name of the device, as an option
    #[arg(long, short, value_name = "DEVICE", add = completer(devices))]
    device_id: Option<String>,
    /// The name of the module, as an option
    #[arg(long, short, value_name = "MODULE")]
    module_id: Option<String>,
    #[command(flatten)]
    hub: HubArguments,
}

#[derive(clap::Args)]
pub(crate) struct CreateArguments {
    #[command(flatten)]
    name: NameArguments,
    /// Who looks after it
    #[arg(long, value_name = "TEXT")]
    managed_by: Option<String>,
    #[command(flatten)]
    proof: ProofArguments,
    /// Show its keys
    #[arg(long)]
    show_keys: bool,
}

#[derive(clap::Args)]
pub(crate) struct ShowArguments {
    #[command(flatten)]
    name: NameArguments,
    /// Show its keys
    #[arg(long)]
    show_keys: bool,
}

#[derive(clap::Args)]
pub(crate) struct ListArguments {
    #[command(flatten)]
    device: DeviceArgument,
    #[command(flatten)]
    hub: HubArguments,
}

pub(crate) async fn run(command: &Command, output: &mut Output) -> Result<(), Failure> {
    match command {
        Command::Create(arguments) => create(arguments, output).await,
        Command::List(arguments) => list(arguments, output).await,
        Command::Show(arguments) => show(arguments, output).await,
        Command::Delete(arguments) => delete(arguments, output).await,
    }
}

async fn create(arguments: &CreateArguments, output: &mut Output) -> Result<(), Failure> {
    let (device, name) = arguments.name.read()?;
    let hub = Hub::open(&arguments.name.hub)?;
    let module = Module {
        device_id: device.id().as_str().into(),
        module_id: name.id().as_str().into(),
        managed_by: arguments.managed_by.clone(),
        authentication: Some(arguments.proof.authentication()?),
        ..Module::default()
    };
    let who = Identity::module(device.id(), name.id());
    let created = hub.service.create_module(&module).await;
    let created = created.map_err(|error| hub.explain(error, Some(who)))?;
    print(&created, Keys::asked_for(arguments.show_keys), output)
}

async fn list(arguments: &ListArguments, output: &mut Output) -> Result<(), Failure> {
    let hub = Hub::open(&arguments.hub)?;
    let device = arguments.device.id();
    let modules = hub.service.list_modules(device).await;
    let modules = modules.map_err(|error| hub.explain(error, Some(Identity::device(device))))?;
    let mut json = serde_json::to_value(&modules).expect("documents have text for keys, all that can fail");
    for module in json.as_array_mut().into_iter().flatten() {
        Keys::Hidden.apply_to(module);
    }
    output.show(&json, || {
        let row = |module: &Module| {
            let managed_by = module.managed_by.clone().unwrap_or_default();
            let last = shown(module.last_activity_time);
            [module.module_id.clone(), module.connection_state.to_string(), last, managed_by]
        };
        table::rows(["MODULE", "CONNECTION", "LAST ACTIVITY", "MANAGED BY"], modules.iter().map(row))
    })
}

async fn show(arguments: &ShowArguments, output: &mut Output) -> Result<(), Failure> {
    let (device, name) = arguments.name.read()?;
    let hub = Hub::open(&arguments.name.hub)?;
    let who = Identity::module(device.id(), name.id());
    let module = hub.service.get_module(device.id(), name.id()).await;
    let module = module.map_err(|error| hub.explain(error, Some(who)))?;
    print(&module, Keys::asked_for(arguments.show_keys), output)
}

async fn delete(arguments: &NameArguments, output: &mut Output) -> Result<(), Failure> {
    let (device, name) = arguments.read()?;
    let hub = Hub::open(&arguments.hub)?;
    let who = Identity::module(device.id(), name.id());
    let deleted = hub.service.delete_module(device.id(), name.id(), &IfMatch::Any).await;
    deleted.map_err(|error| hub.explain(error, Some(who)))?;
    output.tell_deleted(who);
    Ok(())
}

fn print(module: &Module, keys: Keys, output: &mut Output) -> Result<(), Failure> {
    let mut json = serde_json::to_value(module).expect("documents have text for keys, all that can fail");
    keys.apply_to(&mut json);
    output.show(&json, || {
        let mut fields = vec![
            ("device", module.device_id.clone()),
            ("module", module.module_id.clone()),
            ("managed by", module.managed_by.clone().unwrap_or_default()),
            ("connection", module.connection_state.to_string()),
            ("last activity", shown(module.last_activity_time)),
            ("etag", module.etag.as_ref().map(ToString::to_string).unwrap_or_default()),
        ];
        fields.extend(keys.fields(module.authentication.as_ref()));
        table::record(fields)
    })
}

impl NameArguments {
    fn read(&self) -> Result<(DeviceName, ModuleName), Failure> {
        let mut positions = Positions::new(&[&self.first, &self.second]);
        let device = positions.device(self.device_id.as_deref())?;
        let module = positions.module(self.module_id.as_deref())?;
        positions.end()?;
        Ok((device, module))
    }
}
