use std::path::PathBuf;

use iothub_codec::Identity;
use iothub_device::{Source, Uploads};
use serde_json::json;

use crate::commands::device::being;
use crate::commands::device::proof::CertificateArguments;
use crate::commands::device::way::{ProxyArgument, Way};
use crate::failure::Failure;
use crate::hub::Hub;
use crate::identity::DeviceArgument;
use crate::login::HubArguments;
use crate::output::Output;

/// Upload a file as a device
///
/// In blocks, which are sent again where connections break; back ends are told of it (`iothub file monitor`).
#[derive(clap::Args)]
#[command(after_help = r#"Examples:
  iothub device upload-file pump-7 --file-path /var/log/pump.log
  iothub device upload-file pump-7 --file-path pump.log --name logs/monday.txt --content-type text/plain
  iothub device upload-file pump-7 --file-path pump.log --proxy http://proxy.example:3128"#)]
pub(crate) struct Arguments {
    #[command(flatten)]
    device: DeviceArgument,
    /// The file
    #[arg(long, visible_alias = "fp", value_name = "FILE")]
    file_path: PathBuf,
    /// What it is to be called; slashes may divide it. Else as the file is
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// What is in it, such as text/plain
    #[arg(long, visible_alias = "ct", value_name = "TYPE")]
    content_type: Option<String>,
    #[command(flatten)]
    certificate: CertificateArguments,
    #[command(flatten)]
    proxy: ProxyArgument,
    #[command(flatten)]
    hub: HubArguments,
}

pub(crate) async fn run(arguments: &Arguments, output: &mut Output) -> Result<(), Failure> {
    let hub = Hub::open(&arguments.hub)?;
    let who = Identity::device(arguments.device.id());
    let way = Way::to(&hub.login, &arguments.proxy)?;
    let options = being::options(&hub, who, &arguments.certificate, &way).await?;
    let uploads = Uploads::new(options.https_port(hub.login.https_port()?));
    let name = match (&arguments.name, arguments.file_path.file_name()) {
        (Some(name), _) => name.clone(),
        (None, Some(name)) => name.to_string_lossy().into_owned(),
        (None, None) => return Err(Failure::misused("--file-path names no file")),
    };
    let mut upload = uploads.upload(name, Source::file(&arguments.file_path));
    if let Some(content_type) = &arguments.content_type {
        upload = upload.content_type(content_type);
    }
    let uploaded =
        upload.await.map_err(|failed| Failure::failed(format_args!("{failed}")).because(&failed))?;
    let document = json!({"blobName": uploaded.blob_name, "length": uploaded.len});
    output.show(&document, || format!("the hub has {} bytes as {}", uploaded.len, uploaded.blob_name))
}
