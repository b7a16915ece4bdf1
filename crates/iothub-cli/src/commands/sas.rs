use core::time::Duration;

use iothub_codec::{Identity, SharedKey, TokenRequest};
use serde_json::json;

use crate::clock::now_s;
use crate::completion::{completer, devices};
use crate::duration::duration;
use crate::failure::Failure;
use crate::hub::Hub;
use crate::identity::{DeviceName, ModuleName};
use crate::login::{HubArguments, Login};
use crate::output::Output;

/// Print a SAS token, for a device or for the service API
///
/// Without --device it is signed with the policy of the hub's connection string and good for everything that
/// the policy may do. The token is printed as it is, in a pipe too; -o json makes it a JSON object. It cannot
/// be taken back before it expires, except by a change of the key.
#[derive(clap::Args)]
#[command(after_help = r#"Examples:
  iothub sas --duration 10m
  iothub sas --device pump-7                    the password of an MQTT client
  curl --cacert "$IOTHUB_CA_FILE" -H "Authorization: $(iothub sas)" \
       "https://localhost/devices?api-version=2021-04-12""#)]
pub(crate) struct Arguments {
    /// For this device, signed with its first key
    #[arg(long, short, visible_alias = "device-id", value_name = "DEVICE", value_parser = DeviceName::parse, add = completer(devices), conflicts_with = "policy")]
    device: Option<DeviceName>,
    /// For this module of the device, signed with its first key
    #[arg(long, short, value_name = "MODULE", value_parser = ModuleName::parse, requires = "device")]
    module_id: Option<ModuleName>,
    /// The policy that is to sign; its key has to be in the hub's connection string
    #[arg(long, visible_alias = "pn", value_name = "NAME")]
    policy: Option<String>,
    /// How long it is good for, in seconds or as in 90m
    #[arg(long, visible_alias = "du", value_name = "DURATION", value_parser = at_least_a_second, default_value = "3600")]
    duration: Duration,
    #[command(flatten)]
    hub: HubArguments,
}

pub(crate) async fn run(arguments: &Arguments, output: &mut Output) -> Result<(), Failure> {
    let expiry_s = now_s() + arguments.duration.as_secs();
    let token = match &arguments.device {
        None => of_policy(&arguments.hub.login()?, arguments.policy.as_deref(), expiry_s)?,
        Some(device) => {
            let module = arguments.module_id.as_ref().map(ModuleName::id);
            let who = Identity { device: device.id(), module };
            let hub = Hub::open(&arguments.hub)?;
            let key = hub.primary_key(who).await?;
            let host = hub.login.host()?;
            sign(&TokenRequest { host, identity: Some(who), expiry_s, policy: None }, &key)?
        }
    };
    output.text(&token, &json!({ "sas": token, "expiry": expiry_s }))
}

fn of_policy(login: &Login, wanted: Option<&str>, expiry_s: u64) -> Result<String, Failure> {
    let parts = login.parts()?;
    let (Some(policy), Some(key)) = (parts.key_name(), parts.key()) else {
        let line = "has a token and no key to sign another with (give one with a SharedAccessKey)";
        return Err(Failure::failed(format_args!("{} {line}", login.origin)));
    };
    if let Some(wanted) = wanted.filter(|wanted| *wanted != policy) {
        return Err(Failure::failed(format_args!(
            "the key of policy {wanted} is not known: {} is that of {policy} (give the connection string of \
             {wanted} with --login)",
            login.origin
        )));
    }
    sign(&TokenRequest { host: login.host()?, identity: None, expiry_s, policy: Some(policy) }, key)
}

fn sign(request: &TokenRequest<'_>, key: &str) -> Result<String, Failure> {
    let key = SharedKey::from_base64(key);
    let key = key.map_err(|error| Failure::failed(format_args!("SharedAccessKey: {error}")))?;
    let mut buffer = vec![0; request.len_max()];
    let token = request.sign(&key, &mut buffer);
    Ok(token.expect("the buffer has the room that was asked for, and software always signs").to_owned())
}

fn at_least_a_second(text: &str) -> Result<Duration, String> {
    let duration = duration(text)?;
    if duration.as_secs() == 0 { Err("shorter than a second".into()) } else { Ok(duration) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_the_published_one() {
        let key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
        let request = |identity, policy| TokenRequest {
            host: "hub1.azure-devices.net",
            identity,
            expiry_s: 1_893_456_000,
            policy,
        };
        let device = DeviceName::parse("dev-1").unwrap();
        for (request, token) in [
            (
                request(None, Some("iothubowner")),
                "SharedAccessSignature sr=hub1.azure-devices.net\
                 &sig=tSqZCpJ0ILyQzgpd7n%2BOs8QMeigZamD5DsOzh1x%2FVk4%3D&se=1893456000&skn=iothubowner",
            ),
            (
                request(Some(Identity::device(device.id())), None),
                "SharedAccessSignature sr=hub1.azure-devices.net%2Fdevices%2Fdev-1\
                 &sig=pd27749drbVXxWwouwXZ3vLxhyvKK8YgFBQsuh7t2tY%3D&se=1893456000",
            ),
        ] {
            assert_eq!(sign(&request, key).unwrap(), token);
        }
        let refused = sign(&request(None, None), "not a key!").expect_err("it is none");
        assert!(!format!("{refused:?}").contains("not a key"), "{refused:?}");
    }
}
