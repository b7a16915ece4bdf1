use iothub_model::{
    Authentication, Capabilities, Device, ErrorCode, ExportImportDevice, Module, Status, SymmetricKey,
};

use crate::key::from_base64;
use crate::registry::Key;
use crate::rest::Failure;
use crate::rest::registration::json;

/// Longest reason of a status, in characters.
const STATUS_REASON_MAX: usize = 128;
/// Longest name of a scope, and of who looks after a module, in characters.
const SCOPE_MAX: usize = 512;
/// Most scopes above a device.
const PARENT_SCOPES_MAX: usize = 16;

/// What a caller may choose about an identity. Made only of what may be chosen.
pub(super) struct Wish {
    pub(super) status: Option<Status>,
    pub(super) status_reason: Option<String>,
    pub(super) authentication: Option<Authentication>,
    pub(super) capabilities: Option<Capabilities>,
    pub(super) managed_by: Option<String>,
    pub(super) device_scope: Option<String>,
    pub(super) parent_scopes: Option<Vec<String>>,
}

impl Wish {
    pub(super) const fn nothing() -> Self {
        Self {
            status: None,
            status_reason: None,
            authentication: None,
            capabilities: None,
            managed_by: None,
            device_scope: None,
            parent_scopes: None,
        }
    }

    /// From the body of a request about the device or module that its path names.
    pub(super) fn read(key: &Key, body: &[u8]) -> Result<Self, Failure> {
        match &key.module {
            None => {
                let device: Device = json(body)?;
                must_name("deviceId", &device.device_id, &key.device)?;
                Self {
                    status: device.status,
                    status_reason: device.status_reason,
                    authentication: device.authentication,
                    capabilities: device.capabilities,
                    managed_by: None,
                    device_scope: device.device_scope,
                    parent_scopes: device.parent_scopes,
                }
            }
            Some(name) => {
                let module: Module = json(body)?;
                must_name("deviceId", &module.device_id, &key.device)?;
                must_name("moduleId", &module.module_id, name)?;
                Self {
                    authentication: module.authentication,
                    managed_by: module.managed_by,
                    ..Self::nothing()
                }
            }
        }
        .checked()
    }

    /// From an entry of a bulk request or an import.
    pub(super) fn of_entry(entry: &ExportImportDevice) -> Result<Self, Failure> {
        let authentication = entry.authentication.clone();
        let wish = match entry.module_id {
            None => Self {
                status: entry.status,
                status_reason: entry.status_reason.clone(),
                authentication,
                capabilities: entry.capabilities,
                managed_by: None,
                device_scope: entry.device_scope.clone(),
                parent_scopes: entry.parent_scopes.clone(),
            },
            Some(_) => Self { authentication, managed_by: entry.managed_by.clone(), ..Self::nothing() },
        };
        wish.checked()
    }

    fn checked(mut self) -> Result<Self, Failure> {
        check_len("statusReason", self.status_reason.as_deref(), STATUS_REASON_MAX)?;
        check_len("managedBy", self.managed_by.as_deref(), SCOPE_MAX)?;
        check_len("deviceScope", self.device_scope.as_deref(), SCOPE_MAX)?;
        let parents = self.parent_scopes.as_deref().unwrap_or_default();
        if parents.len() > PARENT_SCOPES_MAX {
            return Err(invalid(format!("parentScopes has at most {PARENT_SCOPES_MAX} elements")));
        }
        for scope in parents {
            check_len("parentScopes", Some(scope), SCOPE_MAX)?;
        }
        if let Some(authentication) = &mut self.authentication {
            check_keys(&authentication.symmetric_key)?;
            settle_thumbprints(authentication)?;
        }
        Ok(self)
    }
}

/// Refuses keys that are none.
pub(super) fn check_keys(keys: &SymmetricKey) -> Result<(), Failure> {
    for (name, key) in [("primaryKey", &keys.primary_key), ("secondaryKey", &keys.secondary_key)] {
        let Some(key) = key else { continue };
        // What it is instead is not told: it may be a key with one character wrong.
        if !from_base64(key).is_some_and(|bytes| (16..=64).contains(&bytes.len())) {
            return Err(invalid(format!("{name} must be base64 of 16 to 64 bytes")));
        }
    }
    Ok(())
}

/// Tools print thumbprints with separators; the registry keeps the digits.
fn settle_thumbprints(authentication: &mut Authentication) -> Result<(), Failure> {
    let prints = &mut authentication.x509_thumbprint;
    let prints = [
        ("primaryThumbprint", &mut prints.primary_thumbprint),
        ("secondaryThumbprint", &mut prints.secondary_thumbprint),
    ];
    for (name, print) in prints {
        let Some(print) = print else { continue };
        print.retain(|c| !matches!(c, ':' | '-' | ' '));
        let hex = print.bytes().all(|b| b.is_ascii_hexdigit());
        if !(hex && matches!(print.len(), 40 | 64)) {
            return Err(invalid(format!(
                "{name} must be 40 hex digits, of SHA-1, or 64, of SHA-256; colons, dashes and spaces may stand between"
            )));
        }
    }
    Ok(())
}

fn check_len(name: &str, text: Option<&str>, max: usize) -> Result<(), Failure> {
    if text.unwrap_or_default().chars().nth(max).is_none() {
        return Ok(());
    }
    Err(invalid(format!("{name} has at most {max} characters")))
}

fn must_name(member: &str, name: &str, wanted: &str) -> Result<(), Failure> {
    if name == wanted {
        return Ok(());
    }
    Err(invalid(format!("{member} in the body is {name:.128?}, and {wanted:?} in the path")))
}

fn invalid(message: String) -> Failure {
    Failure::new(ErrorCode::ArgumentInvalid, message)
}
