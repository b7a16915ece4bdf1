use clap::Subcommand;
use iothub_model::{IfMatch, Object, Patch, Twin, TwinPatch};

use crate::condition::condition;
use crate::content::{content, object};
use crate::failure::Failure;
use crate::hub::Hub;
use crate::identity::IdentityArgument;
use crate::login::HubArguments;
use crate::output::Output;
use crate::table;

/// Twins: what is wanted of a device, what it reports, and what is noted about it
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Show the twin of a device or module
    ///
    /// The table leaves out the metadata of properties; -o json has everything.
    #[command(after_help = "Examples:\n  iothub twin show pump-7\n  iothub twin show gateway-1 --module-id \
                            camera -o json | jq .properties.reported")]
    Show(ShowArguments),
    /// Change desired properties and tags
    ///
    /// Members that are not mentioned stay, members that are null go. The device, if it listens, is told. The
    /// result is the whole twin.
    #[command(after_help = r#"Examples:
  iothub twin update pump-7 --desired '{"interval":5}'
  iothub twin update pump-7 --desired '{"interval":null}' --tags '{"site":"north"}'
  iothub twin update pump-7 --desired @desired.json --if-match AAAAAAAAAAE="#)]
    Update(EditArguments),
    /// Put new desired properties and tags in the place of the old
    ///
    /// What is not mentioned goes, all tags too if --tags is not given. The device, if it listens, is told.
    #[command(after_help = r#"Examples:
  iothub twin replace pump-7 --desired '{"interval":5}' --tags '{"site":"north"}'
  iothub twin replace pump-7 --json @twin.json"#)]
    Replace(EditArguments),
}

#[derive(clap::Args)]
pub(crate) struct ShowArguments {
    #[command(flatten)]
    identity: IdentityArgument,
    #[command(flatten)]
    hub: HubArguments,
}

#[derive(clap::Args)]
#[group(id = "edit")]
pub(crate) struct EditArguments {
    #[command(flatten)]
    identity: IdentityArgument,
    /// Desired properties: a JSON object, @FILE, or - for standard input; null removes all
    #[arg(long, value_name = "JSON", required_unless_present_any = ["tags", "json"])]
    desired: Option<String>,
    /// Tags, in the same way
    #[arg(long, value_name = "JSON")]
    tags: Option<String>,
    /// Both as a twin has them: {"tags": …, "properties": {"desired": …}}, @FILE, or -; all else in it is left aside
    #[arg(long, short, value_name = "JSON", conflicts_with_all = ["desired", "tags"])]
    json: Option<String>,
    /// Only if the twin has this etag; * for any
    #[arg(long, short = 'e', visible_alias = "etag", value_name = "ETAG", value_parser = condition, default_value = "*")]
    if_match: IfMatch,
    #[command(flatten)]
    hub: HubArguments,
}

pub(crate) async fn run(command: &Command, output: &mut Output) -> Result<(), Failure> {
    let (hub, who, twin) = match command {
        Command::Show(arguments) => {
            let hub = Hub::open(&arguments.hub)?;
            let who = arguments.identity.identity();
            let twin = hub.service.get_twin(who).await;
            (hub, who, twin)
        }
        Command::Update(arguments) => {
            let (hub, who, patch) = arguments.read()?;
            let twin = hub.service.update_twin(who, &patch, &arguments.if_match).await;
            (hub, who, twin)
        }
        Command::Replace(arguments) => {
            let (hub, who, twin) = arguments.read()?;
            let twin = hub.service.replace_twin(who, &twin, &arguments.if_match).await;
            (hub, who, twin)
        }
    };
    let twin = twin.map_err(|error| hub.explain(error, Some(who)))?;
    output.show(&twin, || record(&twin))
}

impl EditArguments {
    fn read(&self) -> Result<(Hub, iothub_codec::Identity<'_>, TwinPatch), Failure> {
        if self.desired.as_deref() == Some("-") && self.tags.as_deref() == Some("-") {
            return Err(Failure::misused("--desired and --tags cannot both be standard input"));
        }
        if let Some(json) = &self.json {
            let patch = serde_json::from_slice(&content("--json", json)?);
            let patch = patch.map_err(|error| Failure::misused(format_args!("--json: no twin: {error}")))?;
            return Ok((Hub::open(&self.hub)?, self.identity.identity(), patch));
        }
        let desired: Patch<Object> = object("--desired", self.desired.as_deref())?;
        let tags = object("--tags", self.tags.as_deref())?;
        Ok((Hub::open(&self.hub)?, self.identity.identity(), TwinPatch { tags, desired }))
    }
}

fn record(twin: &Twin) -> String {
    table::record([
        ("device", twin.device_id.clone()),
        ("module", twin.module_id.clone().unwrap_or_default()),
        ("connection", twin.connection_state.to_string()),
        ("etag", twin.etag.as_ref().map(ToString::to_string).unwrap_or_default()),
        ("model", twin.model_id.clone()),
        ("tags", pretty(&twin.tags)),
        ("desired", pretty(&twin.properties.desired)),
        ("reported", pretty(&twin.properties.reported)),
    ])
}

/// A section as one reads it, with its version and without the metadata.
fn pretty(section: &Object) -> String {
    let shown: Object = section
        .iter()
        .filter(|(name, _)| *name != "$metadata")
        .map(|(n, v)| (n.clone(), v.clone()))
        .collect();
    serde_json::to_string_pretty(&shown).expect("an object has text for keys, all that can fail")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_twin_is_shown_without_its_metadata() {
        let json = r#"{"deviceId":"pump-7","etag":"AAAAAAAAAAE=","tags":{"site":"north"},"properties":
            {"desired":{"interval":5,"$metadata":{"$lastUpdated":"x"},"$version":2},"reported":{"$version":1}}}"#;
        let twin: Twin = serde_json::from_str(json).unwrap();
        let text = record(&twin);
        for part in ["pump-7", "AAAAAAAAAAE=", "\"interval\": 5", "\"$version\": 2", "\"site\": \"north\""] {
            assert!(text.contains(part), "{part} is missing:\n{text}");
        }
        assert!(!text.contains("metadata") && !text.contains("lastUpdated"), "{text}");
    }
}
