use core::time::Duration;
use std::collections::VecDeque;

use iothub_codec::{
    Channels, Codec, Dialect, Introduction, Proof, Properties, Qos, RequestIdBuf, SystemProperty, Telemetry,
    TwinPart, Version,
};
use iothub_proto::{
    AckToken, DeviceEvent, DeviceSession, Hello, Instant, Now, Packet, Seed, Session, Timestamp,
};

use super::application::{channels, status, told, verdict};
use crate::conversation::{Actor, Conversation, Deed};
use crate::credentials::{Greeting, identity};
use crate::packets::{Draft, written};
use crate::player::{Part, Player, Trouble};

/// Tries the device's session: plays the hub and the application on the device.
pub(super) struct DevicePlayer<'a> {
    dialect: Dialect,
    codec: Codec<'a>,
    /// There from the first CONNECT on.
    session: Option<DeviceSession<'a>>,
    /// What the application has asked for before that.
    channels: Channels,
    now: Now,
    sent: VecDeque<Deed>,
    told: VecDeque<Deed>,
    /// The methods and commands that the application was told of last.
    call: Option<(RequestIdBuf, String)>,
    command: Option<AckToken>,
    /// The SUBSCRIBE that is not answered.
    awaited: Option<AckToken>,
}

const HOST: &str = "hub1.test";
const BEGIN: Timestamp = Timestamp::from_secs(1_893_456_000);
const ROOM: usize = 8192;
/// How long the application waits for the answer to a twin request.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

impl<'a> DevicePlayer<'a> {
    pub(super) fn new(conversation: &'a Conversation) -> Result<Self, Trouble> {
        let dialect = conversation.dialect;
        Ok(Self {
            dialect,
            codec: Codec::new(dialect, identity(conversation.module.as_deref())?),
            session: None,
            channels: Channels::NONE,
            now: Now { instant: Instant::from_millis(1_000_000), timestamp: BEGIN },
            sent: VecDeque::new(),
            told: VecDeque::new(),
            call: None,
            command: None,
            awaited: None,
        })
    }

    /// The session begins a connection, as the conversation says that it is to.
    fn connects(&mut self, wanted: &Deed) -> Result<Deed, Trouble> {
        let greeting = Greeting { codec: self.codec, host: HOST, now: self.now.timestamp, deed: wanted };
        let (channels, codec, now) = (self.channels, self.codec, self.now);
        let session = self.session.get_or_insert_with(|| DeviceSession::new(codec, channels));
        let (mut proof_room, mut room) = ([0; ROOM], [0; ROOM]);
        let proof = greeting.proof(&mut proof_room)?;
        let valid_s = wanted.get("expires").map_or(Ok(3600), str::parse::<u64>).map_err(Trouble::new)?;
        let hello = Hello {
            introduction: Introduction { host: HOST, client_agent: None, model_id: None },
            proof,
            valid_until: matches!(proof, Proof::Token(_))
                .then(|| now.timestamp.after(Duration::from_secs(valid_s))),
            session: if wanted.at(0) == "resume" { Session::Resume } else { Session::Fresh },
            keep_alive_s: 60,
            will: None,
            packet_len_max: None,
            seed: Seed::new(7),
        };
        let packet = session.connect(now, &hello, &mut room).map_err(Trouble::new)?;
        Ok(written(&packet, self.dialect.version(), None))
    }

    /// The hub does that.
    fn hub(&mut self, deed: &Deed) -> Result<(), Trouble> {
        if deed.verb == "closes" {
            self.session()?.handle_disconnect();
            return self.go_on();
        }
        let token = self.awaited.unwrap_or(AckToken::FIRST);
        let draft = Draft::new(self.dialect, Actor::Hub, deed, token)?;
        let now = self.now.instant;
        let event = self.session()?.handle_packet(now, &draft.as_packet());
        match event {
            Ok(Some(event)) => self.tell(&event),
            Ok(None) => {}
            Err(_) => {
                self.sent.push_back(Deed::new("closes"));
                self.session()?.handle_disconnect();
            }
        }
        self.go_on()
    }

    /// What the session has to say and to tell by itself.
    fn go_on(&mut self) -> Result<(), Trouble> {
        let now = self.now.instant;
        let mqtt = self.dialect.version();
        while let Some(event) = self.session()?.handle_timeout(now) {
            self.tell(&event);
        }
        let mut room = [0; ROOM];
        loop {
            let session = self.session.as_mut().ok_or_else(|| Trouble::new("no session"))?;
            let Some(packet) = session.poll_transmit(&mut room).map_err(Trouble::new)? else { return Ok(()) };
            if let Packet::Subscribe { token, .. } = packet {
                self.awaited = Some(token);
            }
            self.sent.push_back(written(&packet, mqtt, None));
        }
    }

    fn app(&mut self, deed: &Deed) -> Result<(), Trouble> {
        let mut room = [0; ROOM];
        if deed.verb == "listens" {
            let channels = channels(deed)?;
            match &mut self.session {
                None => self.channels = self.channels.union(channels),
                Some(session) => {
                    session.want(channels);
                    self.go_on()?;
                }
            }
            return Ok(());
        }
        let now = self.now;
        let mqtt = self.dialect.version();
        let call = self.call.clone();
        let command = self.command;
        let greeting = Greeting { codec: self.codec, host: HOST, now: now.timestamp, deed };
        let mut proof_room = [0; ROOM];
        let session = self.session.as_mut().ok_or_else(|| Trouble::new("no session"))?;
        let packet = match deed.verb.as_str() {
            "sends" => {
                self.sent.push_back(sends(session, deed, mqtt)?);
                return Ok(());
            }
            "answers" | "declines" => {
                let (request, name) = call.as_ref().ok_or_else(|| Trouble::new("no method was called"))?;
                if deed.verb == "answers" {
                    let code = deed.at(0).parse().map_err(Trouble::new)?;
                    session.reply(request.as_id(), name, code, deed.bytes(), &mut room)
                } else {
                    session.decline(request.as_id(), name, status(deed.at(0))?, &mut room)
                }
            }
            "asks" => Ok(asks(session, now.instant, deed, &mut room)?),
            "reports" | "reports-if" => {
                let version =
                    deed.words.first().map(|word| word.parse()).transpose().map_err(Trouble::new)?;
                let sent = session.report(now.instant, ANSWER_WITHIN, deed.bytes(), version, &mut room);
                sent.map(|(_, packet)| packet)
            }
            "completes" | "abandons" | "rejects" => {
                let token = command.ok_or_else(|| Trouble::new("no command came"))?;
                session.settle(token, verdict(&deed.verb), &mut room)
            }
            "renews" => match greeting.proof(&mut proof_room)? {
                Proof::Signature(signature) => session.renew(now, &signature, &mut room),
                Proof::Token(_) | Proof::None => return Err(Trouble::new("nothing to renew with")),
            },
            _ => return Err(Trouble::new(format!("no application does that: {deed}"))),
        };
        let packet = packet.map_err(Trouble::new)?;
        self.sent.push_back(written(&packet, mqtt, None));
        Ok(())
    }

    fn tell(&mut self, event: &DeviceEvent<'_>) {
        if let DeviceEvent::Method(call) = event {
            self.call = Some((call.request.to_buf(), call.name.to_owned()));
        }
        if let DeviceEvent::Command { ack, .. } | DeviceEvent::Input { ack, .. } = event {
            self.command = *ack;
        }
        self.told.push_back(told(event));
    }

    fn session(&mut self) -> Result<&mut DeviceSession<'a>, Trouble> {
        self.session.as_mut().ok_or_else(|| Trouble::new("no session"))
    }
}

impl Player for DevicePlayer<'_> {
    fn part(&self, actor: Actor, _: &Deed) -> Part {
        match actor {
            Actor::Hub | Actor::App | Actor::Time => Part::Acts,
            Actor::Device | Actor::Told => Part::Watched,
            Actor::Old | Actor::Back | Actor::Seen => Part::Elsewhere,
        }
    }

    fn act(&mut self, actor: Actor, deed: &Deed) -> Result<(), Trouble> {
        match actor {
            Actor::Hub => self.hub(deed),
            Actor::App => self.app(deed),
            Actor::Time => {
                let by = Duration::from_secs(deed.at(0).parse().map_err(Trouble::new)?);
                self.now =
                    Now { instant: self.now.instant.after(by), timestamp: self.now.timestamp.after(by) };
                self.go_on()
            }
            Actor::Device | Actor::Old | Actor::Told | Actor::Back | Actor::Seen => Ok(()),
        }
    }

    fn next(&mut self, actor: Actor, wanted: &Deed) -> Result<Option<Deed>, Trouble> {
        if actor == Actor::Told {
            return Ok(self.told.pop_front());
        }
        // Of these the lines below say how they are made; how a signature comes out nobody can say beforehand.
        let as_wanted = |deed| Deed { fields: wanted.fields.clone(), ..deed };
        match wanted.verb.as_str() {
            "CONNECT" => self.connects(wanted).map(as_wanted).map(Some),
            "AUTH" => Ok(self.sent.pop_front().map(as_wanted)),
            // The end of a connection is the transport's to make.
            "DISCONNECT" | "closes" if self.sent.is_empty() => {
                self.session()?.handle_disconnect();
                self.go_on()?;
                Ok(Some(wanted.clone()))
            }
            _ => Ok(self.sent.pop_front()),
        }
    }

    fn finish(&mut self) -> Result<Option<(Actor, Deed)>, Trouble> {
        let sent = self.sent.pop_front().map(|deed| (Actor::Device, deed));
        Ok(sent.or_else(|| self.told.pop_front().map(|deed| (Actor::Told, deed))))
    }
}

fn sends(session: &mut DeviceSession<'_>, deed: &Deed, mqtt: Version) -> Result<Deed, Trouble> {
    let (mut system, mut application) = (Vec::new(), Vec::new());
    for (name, value) in &deed.fields {
        match name.strip_prefix("system ") {
            None => application.push((name.as_str(), value.as_str())),
            Some(name) => {
                let property = SystemProperty::ALL.iter().find(|each| each.event_name() == name);
                let property = property.ok_or_else(|| Trouble::new(format!("no system property: {name}")))?;
                system.push((*property, value.as_str()));
            }
        }
    }
    let telemetry = Telemetry {
        payload: deed.bytes(),
        properties: Properties::new(&system, &application),
        qos: if deed.at(0) == "1" { Qos::AtLeastOnce } else { Qos::AtMostOnce },
        retain: false,
    };
    let mut room = [0; ROOM];
    let (_, packet) = session.send_telemetry(&telemetry, &mut room).map_err(Trouble::new)?;
    Ok(written(&packet, mqtt, None))
}

/// `asks`, `asks desired`, `asks reported 3`: how much of the twin, and which version is known.
fn asks<'b>(
    session: &mut DeviceSession<'_>,
    now: Instant,
    deed: &Deed,
    room: &'b mut [u8],
) -> Result<Packet<'b>, Trouble> {
    let part = match deed.at(0) {
        "" => TwinPart::Whole,
        "desired" => TwinPart::Desired,
        "reported" => TwinPart::Reported,
        other => return Err(Trouble::new(format!("asks for nothing, desired or reported, not {other:?}"))),
    };
    let known = deed.words.get(1).map(|word| word.parse()).transpose().map_err(Trouble::new)?;
    let asked = session.get_twin_part(now, ANSWER_WITHIN, part, known, room);
    asked.map(|(_, packet)| packet).map_err(Trouble::new)
}
