use crate::connection_string::ConnectionString;
use crate::sas::SasToken;

/// SAS tokens and connection strings.
pub fn credentials(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else { return };
    if let Ok(token) = SasToken::parse(text) {
        let _ = (token.covers("hub1.test", None), token.policy(), token.expiry_s());
    }
    let _ = ConnectionString::parse(text);
}
