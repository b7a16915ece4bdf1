//! Any text at all: nothing panics, and what is wrong is wrong at a place that is there.

use iothub_codec::{
    Connect, DecodeError, DeviceId, Dialect, ModuleId, Place, Properties, PropertySection, Publish,
    SystemProperty, ToDevice, ToHub, Version, open_connect,
};
use proptest::option;
use proptest::prelude::*;

use crate::sample::any_who;

/// Looks at everything that can be looked at.
fn use_up(properties: Properties<'_>) {
    let mut room = [0; 16];
    for property in properties.iter() {
        let _ = property.value.decode(&mut room);
        let _ = (property.value.to_string(), property.value.len(), property.value.as_str());
    }
    for name in SystemProperty::ALL {
        let _ = properties.system(*name);
    }
    let _ = (properties.get("a"), format!("{properties:?}"));
}

/// A place in `text` where a character begins, or its end.
fn is_in(text: &str, error: DecodeError) -> bool {
    match error.place {
        Place::Topic(at) | Place::Filter(at) | Place::UserName(at) => text.is_char_boundary(at),
        Place::ClientId | Place::Password | Place::Properties(_) | Place::Whole => true,
    }
}

const PREVIEW311: [&str; 3] = [
    ".{0,40}",
    "[$]az/iot/(telemetry|commands|methods/.?(/response)?|twin/(get|patch|events)/?(reported|desired|response|desired-changed)?)?(/?[?])?[^\0]{0,20}",
    "[$]az/iot/(telemetry|commands|methods/a(/response)?|twin/(get|patch)/(reported|response))/[?](rid|%72id|i?v|rc|s|r|ct|sn|crt|dc|@.|.)=?.{0,8}(&.{0,3})?",
];

const PREVIEW5: [&str; 3] = [
    ".{0,40}",
    "[$]iothub/(telemetry|commands|responses|methods|twin)?(/|/get|/patch)?(/reported|/desired)?[^\0]{0,8}",
    "[$]iothub/(telemetry|commands|responses|methods/.{0,3}|twin/(get|patch/(reported|desired)))",
];

/// In the manner of a dialect, or not.
fn any_topic(dialect: Dialect) -> impl Strategy<Value = String> {
    let patterns = match dialect {
        Dialect::Classic => CLASSIC,
        Dialect::Preview311 => PREVIEW311,
        Dialect::Preview5 => PREVIEW5,
        dialect => panic!("{dialect:?} has no patterns"),
    };
    let [first, second, third] = patterns;
    prop_oneof![first, second, third]
}

const CLASSIC: [&str; 3] = [
    ".{0,40}",
    "(devices/d/|[$]iothub/)?(messages/(events|devicebound)/?|inputs/|methods/(POST|res)/|twin/(GET|res|PATCH)/)?[^\0]{0,20}",
    "[$]iothub/(twin/(GET|res/200|PATCH/properties/(reported|desired))|methods/(POST/a|res/1))/[?]([$](rid|version)|%24rid|.)=?.{0,8}(&.{0,3})?",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn any_topic_is_read_or_refused_at_a_place_in_it(
        (who, topic) in any_who().prop_flat_map(|who| {
            let topic = any_topic(who.dialect);
            (Just(who), topic)
        }),
        own in any::<bool>(),
    ) {
        let topic = if own && who.dialect == Dialect::Classic { format!("devices/{}/{topic}", who.identity()) } else { topic };
        let publish = Publish::new(&topic, b"");
        match who.codec().decode_to_hub(&publish) {
            Ok(ToHub::Telemetry(telemetry)) => use_up(telemetry.properties),
            Ok(ToHub::TwinGet(_) | ToHub::TwinPatch(_) | ToHub::Reply(_)) => {}
            Err(error) => prop_assert!(is_in(&topic, error), "{}: {:?}", error, topic),
        }
        match who.codec().decode_to_device(&publish) {
            Ok(ToDevice::Command(command)) => use_up(command.properties),
            Ok(ToDevice::Input(input)) => use_up(input.properties),
            Ok(ToDevice::Method(_) | ToDevice::DesiredChanged(_) | ToDevice::Reply(_)) => {}
            Err(error) => prop_assert!(is_in(&topic, error), "{}: {:?}", error, topic),
        }
        if let Err(error) = who.codec().decode_filter(&topic) {
            prop_assert!(is_in(&topic, error), "{}: {:?}", error, topic);
        }
    }

    #[test]
    fn any_connect_is_read_or_refused_at_a_place_in_it(
        client_id in ".{0,10}",
        username in option::of(prop_oneof![
            ".{0,40}",
            "[a-z.=&]{0,5}/[a-z?=/]{0,12}(/[?]?|api-version=|av=|&|é|.){0,12}",
            "(h=a&|did=.?&|mid=.?&|am=(SAS|SASb64|X509|.)&|s[eap]=[0-9]?&|dct=.?&|é|.&){0,8}av=.?(&am=.)?",
        ]),
        password in option::of(proptest::collection::vec(any::<u8>(), 0..20)),
    ) {
        let connect = Connect {
            version: Version::V311,
            client_id: &client_id,
            username: username.as_deref(),
            password: password.as_deref(),
            properties: PropertySection::EMPTY,
        };
        match open_connect(&connect) {
            Ok((_, claim)) => prop_assert_eq!(claim.identity.to_string(), client_id),
            Err(error) => prop_assert!(is_in(username.as_deref().unwrap_or_default(), error), "{}", error),
        }
    }

    #[test]
    fn any_name_is_taken_or_refused_at_a_place_in_it(name in prop_oneof![".{0,20}", "[a-z+#$]{120,140}"]) {
        let legal = !name.is_empty()
            && name.len() <= 128
            && name.chars().all(|c| c.is_ascii_alphanumeric() || "-:.+%_#*?!(),=@$'".contains(c));
        match (DeviceId::new(&name), ModuleId::new(&name)) {
            (Ok(device), Ok(module)) => prop_assert!(legal && device.as_str() == module.as_str()),
            (Err(device), Err(module)) => {
                prop_assert!(!legal && device.at == module.at && name.is_char_boundary(device.at));
                prop_assert!(DeviceId::new(&name[..device.at]).is_ok() || device.at == 0);
            }
            (Ok(_), Err(_)) | (Err(_), Ok(_)) => panic!("devices and modules have the same names: {name}"),
        }
    }
}
