//! A device's end that speaks any dialect.

use core::time::Duration;

use iothub_codec::{
    Ack, Channels, Codec, Detail, Dialect, Introduction, Outcome, Proof, Publish, Qos, RequestId, SharedKey,
    Signature, Telemetry, Terms, Text, ToDevice, TokenRequest,
};
use iothub_hub::PacketBuf;
use iothub_proto::{AckToken, Opening, Packet, Session};

use crate::world::{HOST, Line, World, identity, sign, token};

/// One device or module, on one line.
pub(crate) struct Speaker {
    pub(crate) line: Line,
    pub(crate) codec: Codec<'static>,
}

/// What a CONNECT says, to be varied by tests.
#[derive(Clone)]
pub(crate) struct Hello {
    pub(crate) id: &'static str,
    /// In base64.
    pub(crate) key: String,
    pub(crate) policy: Option<&'static str>,
    pub(crate) valid: Duration,
    pub(crate) host: &'static str,
    pub(crate) session: Session,
    pub(crate) session_expiry_s: Option<u32>,
    pub(crate) maximum_packet_size: Option<u32>,
}

impl Hello {
    /// Everything in order.
    pub(crate) fn new(world: &World, id: &'static str) -> Self {
        Self {
            id,
            key: world.key(id),
            policy: None,
            valid: Duration::from_secs(3600),
            host: HOST,
            session: Session::Resume,
            session_expiry_s: Some(u32::MAX),
            maximum_packet_size: None,
        }
    }
}

impl World {
    /// Connects as a device or module, in a dialect.
    pub(crate) fn speak(&mut self, dialect: Dialect, id: &'static str) -> Speaker {
        let hello = Hello::new(self, id);
        let (speaker, answer) = self.say_hello(dialect, &hello);
        assert!(matches!(answer, PacketBuf::Connected(..)), "{dialect:?}: {answer:?} {:?}", self.notices);
        speaker
    }

    /// Sends a CONNECT, and gives the answer.
    pub(crate) fn say_hello(&mut self, dialect: Dialect, hello: &Hello) -> (Speaker, PacketBuf) {
        self.say_hello_with(dialect, hello, |opening| opening)
    }

    /// The same, with the last word to `change`.
    pub(crate) fn say_hello_with(
        &mut self,
        dialect: Dialect,
        hello: &Hello,
        change: impl for<'a> Fn(Opening<'a>) -> Opening<'a>,
    ) -> (Speaker, PacketBuf) {
        let line = self.open();
        let codec = Codec::new(dialect, identity(hello.id));
        let expiry = self.now.timestamp.after(hello.valid);
        let identity = hello.policy.is_none().then_some(codec.identity());
        let request =
            TokenRequest { host: hello.host, identity, expiry_s: expiry.as_secs(), policy: hello.policy };
        let sas = sign(&hello.key, &request);
        let signature = signature(self, hello);
        let proof = match dialect {
            Dialect::Classic => Proof::Token(&sas),
            _ => Proof::Signature(signature),
        };
        let who = Introduction { host: hello.host, client_agent: None, model_id: None };
        let mut out = [0; 1024];
        let connect = codec.encode_connect(&who, &proof, &mut out).unwrap();
        let opening = Opening {
            session: hello.session,
            session_expiry_s: hello.session_expiry_s,
            maximum_packet_size: hello.maximum_packet_size,
            keep_alive_s: 60,
            ..Opening::new(connect)
        };
        self.send(line, &Packet::Connect(change(opening)));
        let answer = self.sent(line).into_iter().next().expect("every CONNECT is answered");
        (Speaker { line, codec }, answer)
    }

    /// Sends a message, at QoS 1 with that number.
    pub(crate) fn say(&mut self, speaker: &Speaker, ack: Option<u16>, publish: &Publish<'_>) {
        let qos = if ack.is_some() { Qos::AtLeastOnce } else { Qos::AtMostOnce };
        self.send(
            speaker.line,
            &Packet::Publish { ack: ack.map(token), publish: Publish { qos, ..*publish } },
        );
    }

    /// Subscribes to what channels need.
    pub(crate) fn listen(&mut self, speaker: &Speaker, channels: Channels) {
        let mut out = [0; 512];
        let filters = speaker.codec.filters(channels, &mut out).unwrap();
        if filters.is_empty() {
            return;
        }
        self.send(speaker.line, &Packet::Subscribe { token: token(77), filters });
        let granted = self.take_granted(speaker.line);
        assert!(granted.iter().all(Result::is_ok), "{granted:?}");
    }

    pub(crate) fn take_granted(&mut self, line: Line) -> Vec<Result<Qos, iothub_proto::FilterRefusal>> {
        let granted = self.take(line, |packet| match packet {
            PacketBuf::SubAck(_, granted) => Some(*granted),
            _ => None,
        });
        granted.first().expect("every SUBSCRIBE is answered").iter().collect()
    }

    /// What the hub published since the last look, as the device reads it.
    pub(crate) fn heard<T>(
        &mut self,
        speaker: &Speaker,
        mut read: impl FnMut(Option<AckToken>, ToDevice<'_>) -> T,
    ) -> Vec<T> {
        let packets = self
            .take(speaker.line, |packet| matches!(packet, PacketBuf::Publish { .. }).then(|| packet.clone()));
        let heard = packets.iter().map(|packet| {
            let Packet::Publish { ack, publish } = packet.as_packet() else { panic!("{packet:?}") };
            let message = speaker.codec.decode_to_device(&publish);
            read(ack, message.unwrap_or_else(|error| panic!("{error}: {publish:?}")))
        });
        heard.collect()
    }

    /// Says what becomes of a command.
    pub(crate) fn settle(&mut self, speaker: &Speaker, ack: AckToken, outcome: Outcome<'_>) {
        let mut out = [0; 64];
        let ack_of = speaker.codec.encode_ack(&outcome, Detail::FULL, &mut out).unwrap();
        self.send(speaker.line, &Packet::Ack { token: ack, ack: ack_of });
    }
}

/// What a device signs now.
pub(crate) fn signature(world: &World, hello: &Hello) -> Signature<'static> {
    let expiry_ms = world.now.timestamp.after(hello.valid).as_millis();
    let terms = Terms { expiry_ms, at_ms: None, policy: hello.policy.map(Text::plain) };
    let key = SharedKey::from_base64(&hello.key).unwrap();
    terms.sign(Text::plain(hello.host), identity(hello.id), &key, &mut [0; 512]).unwrap()
}

pub(crate) fn request(id: &'static str) -> RequestId<'static> {
    RequestId::new(id.as_bytes()).unwrap()
}

pub(crate) fn telemetry(payload: &'static [u8]) -> Telemetry<'static> {
    Telemetry { payload, qos: Qos::AtLeastOnce, ..Telemetry::default() }
}

/// What a PUBACK or DISCONNECT of the hub says: its code, and each of its user properties.
pub(crate) fn said(ack: &Ack<'_>) -> (u8, Vec<(String, String)>) {
    let user = ack.properties.user().map(|property| (property.name.to_owned(), property.value.to_owned()));
    (ack.reason_code, user.collect())
}
