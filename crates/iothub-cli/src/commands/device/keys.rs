use iothub_model::{Authentication, AuthenticationType};
use serde_json::Value;

/// Whether keys are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keys {
    Shown,
    Hidden,
}

impl Keys {
    pub(crate) const fn asked_for(show: bool) -> Self {
        if show { Self::Shown } else { Self::Hidden }
    }

    /// Takes keys that are not to be shown out of the JSON of an identity. They are absent then, not `null`,
    /// which would say that there are none.
    pub(crate) fn apply_to(self, identity: &mut Value) {
        let keys = identity.pointer_mut("/authentication/symmetricKey").and_then(Value::as_object_mut);
        if let (Self::Hidden, Some(keys)) = (self, keys) {
            keys.clear();
        }
    }

    /// How an identity proves itself, for a table.
    pub(crate) fn fields(self, authentication: Option<&Authentication>) -> Vec<(&'static str, String)> {
        let Some(authentication) = authentication else { return Vec::new() };
        let mut fields = vec![("authentication", authentication.kind.to_string())];
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        match (authentication.kind, self) {
            (AuthenticationType::Sas, Self::Shown) => fields.extend([
                ("primary key", text(&authentication.symmetric_key.primary_key)),
                ("secondary key", text(&authentication.symmetric_key.secondary_key)),
            ]),
            (AuthenticationType::Sas, Self::Hidden) => {
                fields.push(("keys", "hidden (--show-keys shows them)".into()));
            }
            (AuthenticationType::SelfSigned, _) => fields.extend([
                ("primary thumbprint", text(&authentication.x509_thumbprint.primary_thumbprint)),
                ("secondary thumbprint", text(&authentication.x509_thumbprint.secondary_thumbprint)),
            ]),
            (AuthenticationType::CertificateAuthority | AuthenticationType::None, _) => {}
        }
        fields
    }
}

#[cfg(test)]
mod tests {
    use iothub_model::{Device, SymmetricKey};

    use super::*;

    #[test]
    fn keys_show_only_when_asked_for() {
        let symmetric_key =
            SymmetricKey { primary_key: Some("c2VjcmV0".into()), secondary_key: Some("dG9v".into()) };
        let authentication = Some(Authentication { symmetric_key, ..Authentication::default() });
        let device = Device { device_id: "pump-7".into(), authentication, ..Device::default() };
        for (keys, shown) in [(Keys::Shown, true), (Keys::Hidden, false)] {
            let mut json = serde_json::to_value(&device).unwrap();
            keys.apply_to(&mut json);
            let table = format!("{:?}", keys.fields(device.authentication.as_ref()));
            for text in [json.to_string(), table] {
                assert_eq!(text.contains("c2VjcmV0") && text.contains("dG9v"), shown, "{text}");
                assert_eq!(text.contains("c2VjcmV0") || text.contains("dG9v"), shown, "{text}");
            }
            assert_eq!(json["deviceId"], "pump-7");
        }
    }
}
