use super::wire::{List, Value};
use super::{Tables, Wire};
#[cfg(feature = "preview311")]
use crate::base64_code;
use crate::byte_set::ByteSet;
use crate::connect::{Introduction, Proof};
use crate::error::EncodeError;
#[cfg(feature = "preview311")]
use crate::error::Field;
use crate::identity::{Identity, ModuleId};
#[cfg(feature = "preview5")]
use crate::section::{id, put_bytes, put_text};
use crate::terms::Signature;
use crate::text::Text;
use crate::write::Writer;

/// One of the things that a CONNECT says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::dialect) enum Statement {
    Host,
    ApiVersion,
    Method,
    Expiry,
    ConnectTime,
    Policy,
    ClientAgent,
    #[cfg(feature = "preview311")]
    Device,
    #[cfg(feature = "preview311")]
    Module,
    #[cfg(feature = "preview311")]
    Model,
    #[cfg(feature = "preview5")]
    Code,
}

impl Tables {
    /// Writes the user name, with the signature behind it as a password, or the section. Gives where the first ends.
    #[inline(never)]
    pub(in crate::dialect) fn put_introduction(
        &self,
        identity: Identity<'_>,
        who: &Introduction<'_>,
        proof: &Proof<'_>,
        out: &mut Writer<'_>,
    ) -> usize {
        let start = out.len();
        let signature = match proof {
            Proof::Signature(signature) => Some(signature),
            Proof::None => None,
            Proof::Token(_) => {
                out.fail(EncodeError::NotExpressible);
                None
            }
        };
        let mut list = List::new(self.wire, ByteSet::UNRESERVED, out);
        for (statement, id, name) in self.introduction {
            if let Some(value) = self.value(*statement, identity, who, signature) {
                list.put(*id, "", Text::plain(name.as_str()), &value);
            }
        }
        let end = out.len();
        match self.wire {
            #[cfg(feature = "preview311")]
            Wire::Topic => {
                out.end_field(start, Field::UserName);
                if let Some(signature) = signature {
                    base64_code::digits(&signature.code).for_each(|digit| out.put_byte(digit));
                    out.put_byte(b'=');
                }
            }
            #[cfg(feature = "preview5")]
            Wire::Section if who.model_id.is_some() => out.fail(EncodeError::NotExpressible),
            #[cfg(feature = "preview5")]
            Wire::Section => _ = start,
            Wire::Path => {}
        }
        end
    }

    #[inline(never)]
    fn value<'a>(
        &self,
        statement: Statement,
        identity: Identity<'a>,
        who: &Introduction<'a>,
        signature: Option<&'a Signature<'_>>,
    ) -> Option<Value<'a>> {
        let terms = signature.map(|signature| &signature.terms);
        let text = match statement {
            Statement::Host => Some(who.host),
            Statement::ApiVersion => Some(self.api_version.as_str()),
            Statement::Method => Some(self.method(signature)),
            Statement::ClientAgent => who.client_agent,
            #[cfg(feature = "preview311")]
            Statement::Device => Some(identity.device.as_str()),
            #[cfg(feature = "preview311")]
            Statement::Module => identity.module.map(ModuleId::as_str),
            #[cfg(feature = "preview311")]
            Statement::Model => who.model_id,
            Statement::Expiry => return terms.map(|terms| Value::Number(terms.expiry_ms)),
            Statement::ConnectTime => return terms?.at_ms.map(Value::Number),
            Statement::Policy => return terms?.policy.filter(|policy| self.says(policy)).map(Value::Text),
            #[cfg(feature = "preview5")]
            Statement::Code => return signature.map(|signature| Value::Bytes(&signature.code)),
        };
        text.map(|text| Value::Text(Text::plain(text)))
    }

    fn method(&self, signature: Option<&Signature<'_>>) -> &'static str {
        if signature.is_some() { self.sas.as_str() } else { X509 }
    }

    /// An empty policy signs the same as none.
    const fn says(&self, policy: &Text<'_>) -> bool {
        match self.wire {
            #[cfg(feature = "preview311")]
            Wire::Topic => true,
            #[cfg(feature = "preview5")]
            Wire::Section => !policy.is_empty(),
            Wire::Path => true,
        }
    }
}

/// The authentication method of a device that shows the certificate of TLS.
pub(in crate::dialect) const X509: &str = "X509";

#[cfg(feature = "preview5")]
pub(in crate::dialect) fn put_method(method: &str, out: &mut Writer<'_>) {
    out.put_byte(id::AUTHENTICATION_METHOD);
    put_text("", Text::plain(method), out);
}

#[cfg(feature = "preview5")]
pub(in crate::dialect) fn put_code(signature: &Signature<'_>, out: &mut Writer<'_>) {
    out.put_byte(id::AUTHENTICATION_DATA);
    put_bytes(&signature.code, out);
}
