use iothub_codec::{Identity, ModuleId};
use iothub_model::ErrorCode;
use iothub_service::Error;

use crate::failure::Failure;
use crate::login::{Login, Origin};
use crate::outcome::Outcome;

/// What happened, in terms of what was asked for, and what can be done about it.
pub(crate) fn advice(error: Error, about: Option<Identity<'_>>, login: &Login) -> Failure {
    let outcome = Outcome::of(&error);
    let failure = match &error {
        Error::Refused { code, .. } => match code.and_then(|code| known(code, about, &login.origin)) {
            Some(line) => Failure::new(outcome, line).cause(&error),
            None => Failure::new(outcome, format_args!("the hub refuses: {error}")),
        },
        Error::Unreachable { reason, .. } => {
            Failure::new(outcome, format_args!("{error} ({})", unreachable(reason, login)))
        }
        Error::TimedOut { .. } => {
            Failure::new(outcome, format_args!("{error} (it may have been done nevertheless)"))
        }
        // What an error says that this program does not know is still better than nothing.
        Error::NotExpressible { .. } | Error::Unreadable { .. } | _ => Failure::new(outcome, &error),
    };
    let Error::Refused { tracking_id: Some(id), .. } = &error else { return failure };
    failure.cause(format_args!("the hub's log has more under tracking id {id}"))
}

/// A better line than the hub's own, where there is one.
fn known(code: ErrorCode, about: Option<Identity<'_>>, origin: &Origin) -> Option<String> {
    if UNAUTHORIZED.contains(&code) {
        return Some(format!("the hub does not let this policy do that ({})", unauthorized(origin)));
    }
    let (_, line) = LINES.iter().find(|(known, _)| *known == code)?;
    let who = about?;
    let module = who.module.map(ModuleId::as_str);
    if line.contains("{module}") && module.is_none() {
        return None;
    }
    let line = line.replace("{who}", &who.to_string()).replace("{device}", who.device.as_str());
    Some(line.replace("{module}", module.unwrap_or_default()))
}

const UNAUTHORIZED: &[ErrorCode] =
    &[ErrorCode::GenericUnauthorized, ErrorCode::IotHubUnauthorizedAccess, ErrorCode::IotHubUnauthorized];

/// What to say about a device or module, `{who}`, that the hub refuses something with this code.
const LINES: &[(ErrorCode, &str)] = &[
    (
        ErrorCode::DeviceNotFound,
        "no device named {device} in this hub (create it with `iothub device create {device}`)",
    ),
    (
        ErrorCode::ModuleNotFound,
        "no module named {module} on device {device} (create it with `iothub module create {device} {module}`)",
    ),
    (
        ErrorCode::DeviceAlreadyExists,
        "device {device} exists already (see it with `iothub device show {device}`, or delete it first)",
    ),
    (
        ErrorCode::ModuleAlreadyExistsOnDevice,
        "module {module} exists already on device {device} (see it with `iothub module show {device} {module}`, \
         or delete it first)",
    ),
    (
        ErrorCode::PreconditionFailed,
        "{who} has been changed since that etag was read (read it again, then try again)",
    ),
    (
        ErrorCode::DeviceNotOnline,
        "{who} is not connected, or does not listen to methods (connect it, or wait for it with \
         --connect-timeout; `iothub device simulate {device}` plays it)",
    ),
    (
        ErrorCode::DeviceMaximumQueueDepthExceeded,
        "too many messages wait for {who} already (they go when it connects, or expire)",
    ),
    (
        ErrorCode::DeviceDisabled,
        "{who} is disabled (enable it with `iothub device update {device} --status enabled`)",
    ),
];

const fn unauthorized(origin: &Origin) -> &'static str {
    match origin {
        Origin::Option => "is the key in --login that of this hub, and its policy one that may?",
        Origin::Variable => {
            r#"is IOTHUB_CONNECTION_STRING that of an earlier hub? `eval "$(iothub env)"` sets it anew"#
        }
        Origin::Context(_) => {
            "is its key still that of the hub? `iothub context add --replace` puts in another"
        }
        Origin::Running => "its clock and this program's may be too far apart",
    }
}

fn unreachable(reason: &str, login: &Login) -> String {
    let is_trust = ["certificate", "UnknownIssuer"].iter().any(|word| reason.contains(word));
    let line = match (is_trust, &login.ca, &login.origin) {
        (false, _, Origin::Context(name)) => return format!("named by context {name}"),
        (true, None, _) => "if the hub is your own, name its CA with --ca FILE; `iothub env` shows which",
        (true, Some(_), _) => "does the CA file belong to this hub?",
        (false, _, Origin::Option) => "named by --login",
        (false, _, Origin::Variable) => {
            r#"named by IOTHUB_CONNECTION_STRING; `eval "$(iothub env)"` sets it to the hub that runs here"#
        }
        (false, _, Origin::Running) => "it was there a moment ago",
    };
    line.to_owned()
}

#[cfg(test)]
mod tests {
    use iothub_codec::DeviceId;

    use super::*;

    #[test]
    fn a_refusal_names_the_thing_and_what_to_do() {
        let device = DeviceId::new("pump-8").unwrap();
        let pump = Identity::device(device);
        let camera = Identity::module(device, ModuleId::new("camera").unwrap());
        for (code, about, line) in [
            (
                ErrorCode::DeviceNotFound,
                Some(camera),
                Some("no device named pump-8 in this hub (create it with `iothub device create pump-8`)"),
            ),
            (
                ErrorCode::ModuleNotFound,
                Some(camera),
                Some(
                    "no module named camera on device pump-8 (create it with `iothub module create pump-8 \
                     camera`)",
                ),
            ),
            (ErrorCode::ModuleNotFound, Some(pump), None),
            (
                ErrorCode::PreconditionFailed,
                Some(camera),
                Some(
                    "pump-8/camera has been changed since that etag was read (read it again, then try again)",
                ),
            ),
            (
                ErrorCode::IotHubUnauthorizedAccess,
                None,
                Some(
                    "the hub does not let this policy do that (is IOTHUB_CONNECTION_STRING that of an earlier \
                     hub? `eval \"$(iothub env)\"` sets it anew)",
                ),
            ),
            (ErrorCode::DeviceNotFound, None, None),
            (ErrorCode::ArgumentInvalid, Some(pump), None),
        ] {
            assert_eq!(known(code, about, &Origin::Variable).as_deref(), line, "{code}");
        }
    }

    #[test]
    fn no_line_has_a_gap_in_it() {
        let who = Identity::module(DeviceId::new("d").unwrap(), ModuleId::new("m").unwrap());
        for (code, _) in LINES {
            let line = known(*code, Some(who), &Origin::Running).unwrap();
            assert!(!line.contains(['{', '}', '\n']) && !line.contains("  "), "{line}");
        }
    }
}
