use iothub_codec::{EncodeError, Introduction, Proof, Publish, Telemetry};
use iothub_proto::{Hello, Instant, Limits, Now};

use super::Options;
use crate::chance::seed;
use crate::connect_error::ConnectError;
use crate::conversation::Conversation;
use crate::credentials::{Claimant, CredentialsError, Proven};
use crate::message::Message;
use crate::not_expressible::NotExpressible;

/// What the device says of itself with each connection.
impl Options {
    /// A new proof.
    pub(crate) async fn prove(&self, now: Now) -> Result<Proven<'_>, CredentialsError> {
        self.credentials.prove(self.dialect, &self.claimant(now)).await
    }

    /// Begins a connection of the conversation, for which was dialled since `began`.
    pub(crate) fn introduce(
        &self,
        now: Now,
        began: Instant,
        proven: &Proven<'_>,
        conversation: &mut Conversation<'_>,
    ) -> Result<(), ConnectError> {
        let introduction = Introduction {
            host: &self.host,
            client_agent: Some(&self.product_info),
            model_id: self.model_id.as_deref(),
        };
        self.check(&introduction, proven.proof())?;
        let will = self.will.as_ref().map(|will| {
            (will, will.properties.pairs(self.dialect), will.properties.system_pairs(self.dialect))
        });
        let mut room = Vec::new();
        let will = match &will {
            Some((will, pairs, system)) => {
                Some(self.write_will(will, &will.telemetry(system, pairs), &mut room)?)
            }
            None => None,
        };
        let hello = Hello {
            introduction,
            proof: proven.proof(),
            valid_until: proven.valid_until(),
            session: self.session,
            keep_alive_s: self.keep_alive_s,
            will,
            packet_len_max: Some(Limits::CLASSIC.maximum_packet_size),
            seed: seed(self.identity()),
        };
        conversation.open(now, &hello, (began, self.connect_timeout))
    }

    pub(super) fn claimant(&self, now: Now) -> Claimant<'_> {
        let (host, identity, lifetime) = (&*self.host, self.identity(), self.token_lifetime);
        Claimant { host, identity, now: now.timestamp, lifetime, within: self.connect_timeout }
    }

    /// What these options ask for must be something that the dialect has.
    fn check(&self, introduction: &Introduction<'_>, proof: Proof<'_>) -> Result<(), NotExpressible> {
        let codec = self.codec();
        // What the software calls itself is nothing that either of them is about.
        let modelled = Introduction { client_agent: None, ..*introduction };
        let anonymous = Introduction { model_id: None, ..modelled };
        NotExpressible::check("a given SAS token", codec, |codec, out| {
            codec.encode_connect(&anonymous, &proof, out).map(drop)
        })?;
        NotExpressible::check("a model id", codec, |codec, out| {
            codec.encode_connect(&modelled, &Proof::None, out).map(drop)
        })?;
        for channel in self.channels.iter() {
            NotExpressible::check("inputs of a module", codec, |codec, out| {
                codec.filters(channel, out).map(drop)
            })?;
        }
        Ok(())
    }

    fn write_will<'a>(
        &self,
        will: &Message,
        telemetry: &Telemetry<'a>,
        room: &'a mut Vec<u8>,
    ) -> Result<Publish<'a>, ConnectError> {
        will.check(self.codec())?;
        if let Err(EncodeError::BufferTooSmall { needed }) = self.codec().encode(telemetry, room) {
            room.resize(needed, 0);
        }
        Ok(self.codec().encode(telemetry, room).map_err(iothub_proto::SendError::from)?)
    }
}
