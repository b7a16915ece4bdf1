use core::cell::RefCell;
use core::convert::Infallible;

use bytes::Bytes;
use iothub_codec::{SignError, Signature, Signer, Terms, Text, TokenRequest};
use iothub_proto::Timestamp;

use super::provider::{Codes, CredentialsError};
use super::{Claimant, Proven};

/// What may be signed.
#[derive(Clone, Copy)]
pub(super) enum Draft {
    /// A token of the classic dialect.
    Token,
    /// The terms of the others.
    Terms,
}

/// Signs with a key that is at hand.
pub(super) fn signed<'a, S: Signer>(
    draft: Draft,
    policy: Option<&'a str>,
    claimant: &Claimant<'_>,
    signer: &S,
) -> Result<Proven<'a>, S::Error> {
    match draft {
        Draft::Token => {
            let valid_until = claimant.now.after(claimant.lifetime);
            let token = token(signer, policy, claimant, valid_until)?;
            Ok(Proven::Token { token, valid_until: Some(valid_until), again_until: None })
        }
        Draft::Terms => signature(signer, policy, claimant).map(Proven::Signature),
    }
}

/// Has somebody else sign, who takes his time: first it is noted down what is to be signed, and in the end the code is
/// put where a key would have put it.
pub(super) async fn signed_elsewhere<'a>(
    draft: Draft,
    policy: Option<&'a str>,
    claimant: &Claimant<'_>,
    codes: &Codes,
) -> Result<Proven<'a>, CredentialsError> {
    let message = message(draft, policy, claimant);
    let code = codes.ask(message, claimant.within).await?;
    match signed(draft, policy, claimant, &Given(code)) {
        Ok(proven) => Ok(proven),
        Err(never) => match never {},
    }
}

fn message(draft: Draft, policy: Option<&str>, claimant: &Claimant<'_>) -> Bytes {
    let note = Note(RefCell::default());
    // Its refusal is the point: the message is known, and nothing is signed yet.
    let _ = signed(draft, policy, claimant, &note);
    note.0.into_inner().into()
}

/// Notes down what is to be signed.
struct Note(RefCell<Vec<u8>>);

struct Noted;

impl Signer for Note {
    type Error = Noted;

    fn sign(&self, message: &[u8]) -> Result<[u8; 32], Noted> {
        *self.0.borrow_mut() = message.to_vec();
        Err(Noted)
    }
}

/// The code is there already.
struct Given([u8; 32]);

impl Signer for Given {
    type Error = Infallible;

    fn sign(&self, _: &[u8]) -> Result<[u8; 32], Infallible> {
        Ok(self.0)
    }
}

fn token<S: Signer>(
    signer: &S,
    policy: Option<&str>,
    claimant: &Claimant<'_>,
    valid_until: Timestamp,
) -> Result<String, S::Error> {
    let Claimant { host, identity, .. } = *claimant;
    let request = TokenRequest { host, identity: Some(identity), expiry_s: valid_until.as_secs(), policy };
    let mut buffer = vec![0; request.len_max()];
    match request.sign(signer, &mut buffer) {
        Ok(token) => Ok(token.to_owned()),
        Err(SignError::Signer(error)) => Err(error),
        Err(SignError::BufferTooSmall { .. } | _) => {
            unreachable!("the buffer has the length that was asked for")
        }
    }
}

fn signature<'a, S: Signer>(
    signer: &S,
    policy: Option<&'a str>,
    claimant: &Claimant<'_>,
) -> Result<Signature<'a>, S::Error> {
    let Claimant { host, identity, now, lifetime, .. } = *claimant;
    let terms = Terms {
        expiry_ms: now.after(lifetime).as_millis(),
        at_ms: Some(now.as_millis()),
        policy: policy.map(Text::plain),
    };
    let host = Text::plain(host);
    let mut scratch = Vec::new();
    loop {
        match terms.sign(host, identity, signer, &mut scratch) {
            Ok(signature) => return Ok(signature),
            Err(SignError::Signer(error)) => return Err(error),
            Err(SignError::BufferTooSmall { needed }) if scratch.len() < needed => scratch.resize(needed, 0),
            Err(SignError::BufferTooSmall { .. } | _) => {
                unreachable!("the buffer has the length that was asked for")
            }
        }
    }
}
