use std::collections::VecDeque;

use iothub_proto::Instant;

use crate::chance::Chance;

/// How a link is while it works.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weather {
    /// The least and the most that bytes take, in milliseconds.
    pub(crate) latency_ms: (u64, u64),
    /// Most bytes under way in one direction.
    pub(crate) room: usize,
    /// How many of the writes come in two pieces, in percent.
    pub(crate) split: u64,
}

/// One of the two ends of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Device,
    Hub,
}

/// What TCP makes of a link: two streams of bytes, each in order and without gaps until it ends.
#[derive(Debug)]
pub(crate) struct Link {
    to_device: Lane,
    to_hub: Lane,
}

/// What has arrived.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// So many bytes, which were appended.
    Bytes,
    /// The other end has closed, or the connection is broken.
    End,
}

#[derive(Debug)]
struct Lane {
    bytes: VecDeque<u8>,
    /// When how many of them arrive.
    chunks: VecDeque<(Instant, usize)>,
    /// When the last of them does.
    last: Instant,
    end: Option<Instant>,
    room: usize,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    /// Nothing arrives any longer, and the sender sees its buffer fill.
    Dark,
    /// Nobody reads, and what is sent is lost.
    Deaf,
}

impl Link {
    pub(crate) fn new(room: usize) -> Self {
        Self { to_device: Lane::new(room), to_hub: Lane::new(room) }
    }

    /// Sends as many of the bytes as there is room for, and says how many that were.
    pub(crate) fn send(
        &mut self,
        (now, to): (Instant, End),
        bytes: &[u8],
        weather: &Weather,
        chance: &mut Chance,
    ) -> usize {
        self.lane(to).send(now, bytes, weather, chance)
    }

    /// When something arrives there next.
    pub(crate) fn next(&self, at: End) -> Option<Instant> {
        match at {
            End::Device => self.to_device.next(),
            End::Hub => self.to_hub.next(),
        }
    }

    /// What has arrived there by now; bytes are appended.
    pub(crate) fn receive(&mut self, now: Instant, at: End, into: &mut Vec<u8>) -> Option<Arrival> {
        self.lane(at).receive(now, into)
    }

    /// That end has closed the connection, and reads no longer. What it has sent arrives before the end does.
    pub(crate) fn close(&mut self, now: Instant, by: End, weather: &Weather, chance: &mut Chance) {
        let (incoming, outgoing) = match by {
            End::Device => (&mut self.to_device, &mut self.to_hub),
            End::Hub => (&mut self.to_hub, &mut self.to_device),
        };
        incoming.stop();
        outgoing.finish(now, weather, chance);
    }

    /// Breaks, and both ends are told behind what still arrives.
    pub(crate) fn cut(&mut self, now: Instant, weather: &Weather, chance: &mut Chance) {
        for lane in [&mut self.to_device, &mut self.to_hub] {
            lane.truncate(chance);
            lane.finish(now, weather, chance);
        }
    }

    /// From now on nothing arrives at those ends.
    pub(crate) fn darken(&mut self, ends: &[End], chance: &mut Chance) {
        for end in ends {
            let lane = self.lane(*end);
            lane.truncate(chance);
            if lane.state == State::Open && lane.end.is_none() {
                lane.state = State::Dark;
            }
        }
    }

    /// What is under way to that end, and comes behind it, is that much later.
    pub(crate) fn stall(&mut self, now: Instant, to: End, chance: &mut Chance) {
        let lane = self.lane(to);
        let by = chance.millis(STALL_MS);
        for (at, _) in &mut lane.chunks {
            *at = at.after(by);
        }
        lane.end = lane.end.map(|at| at.after(by));
        lane.last = lane.last.max(now).after(by);
    }

    /// Whether what is sent arrives, in both directions.
    pub(crate) fn works(&self) -> bool {
        [&self.to_device, &self.to_hub].iter().all(|lane| lane.state == State::Open && lane.end.is_none())
    }

    /// As much is under way at a time from now on.
    pub(crate) fn widen(&mut self, room: usize) {
        self.to_device.room = room;
        self.to_hub.room = room;
    }

    fn lane(&mut self, to: End) -> &mut Lane {
        match to {
            End::Device => &mut self.to_device,
            End::Hub => &mut self.to_hub,
        }
    }
}

/// How long a link stands still, in milliseconds.
const STALL_MS: (u64, u64) = (500, 20_000);

impl Lane {
    const fn new(room: usize) -> Self {
        Self {
            bytes: VecDeque::new(),
            chunks: VecDeque::new(),
            last: Instant::from_millis(0),
            end: None,
            room,
            state: State::Open,
        }
    }

    fn send(&mut self, now: Instant, bytes: &[u8], weather: &Weather, chance: &mut Chance) -> usize {
        if self.state == State::Deaf || self.end.is_some() {
            return bytes.len();
        }
        let len = bytes.len().min(self.room.saturating_sub(self.bytes.len()));
        self.bytes.extend(&bytes[..len]);
        if self.state == State::Dark || len == 0 {
            return len;
        }
        let first = if chance.happens(weather.split) { chance.index(len) } else { 0 };
        for piece in [first, len - first] {
            if piece > 0 {
                self.last = self.last.max(now.after(chance.millis(weather.latency_ms)));
                self.chunks.push_back((self.last, piece));
            }
        }
        len
    }

    fn next(&self) -> Option<Instant> {
        self.chunks.front().map(|(at, _)| *at).or(self.end)
    }

    fn receive(&mut self, now: Instant, into: &mut Vec<u8>) -> Option<Arrival> {
        if let Some((_, len)) = self.chunks.pop_front_if(|(at, _)| *at <= now) {
            into.extend(self.bytes.drain(..len));
            return Some(Arrival::Bytes);
        }
        let ended = self.chunks.is_empty() && self.end.take_if(|at| *at <= now).is_some();
        ended.then(|| {
            self.stop();
            Arrival::End
        })
    }

    /// Nothing more is read.
    fn stop(&mut self) {
        self.state = State::Deaf;
        self.bytes.clear();
        self.chunks.clear();
        self.end = None;
    }

    /// Nothing more is sent.
    fn finish(&mut self, now: Instant, weather: &Weather, chance: &mut Chance) {
        if self.state == State::Open && self.end.is_none() {
            self.end = Some(self.last.max(now.after(chance.millis(weather.latency_ms))));
        }
    }

    /// Only a part of what is under way arrives.
    fn truncate(&mut self, chance: &mut Chance) {
        if self.state != State::Open {
            return;
        }
        let mut left = chance.index(self.bytes.len() + 1);
        self.bytes.truncate(left);
        self.chunks.retain_mut(|(_, len)| {
            *len = left.min(*len);
            left -= *len;
            *len > 0
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEATHER: Weather = Weather { latency_ms: (10, 400), room: 64, split: 50 };

    fn arrived(link: &mut Link, at: End) -> (Vec<u8>, bool) {
        let mut bytes = Vec::new();
        while let Some(next) = link.next(at) {
            assert_eq!(link.receive(Instant::from_millis(next.as_millis() - 1), at, &mut bytes), None);
            if link.receive(next, at, &mut bytes) == Some(Arrival::End) {
                return (bytes, true);
            }
        }
        (bytes, false)
    }

    #[test]
    fn bytes_come_in_order_and_what_is_under_way_is_bounded() {
        for seed in 0..50 {
            let (mut link, mut chance) = (Link::new(64), Chance::new(seed));
            let bytes: Vec<u8> = (0..40).collect();
            let to = (Instant::from_millis(1), End::Hub);
            assert_eq!(link.send(to, &bytes, &WEATHER, &mut chance), 40);
            assert_eq!(link.send(to, &bytes, &WEATHER, &mut chance), 24);
            assert_eq!(link.send(to, &bytes, &WEATHER, &mut chance), 0);
            link.close(to.0, End::Device, &WEATHER, &mut chance);
            assert_eq!(arrived(&mut link, End::Hub), ([&bytes[..], &bytes[..24]].concat(), true), "{seed}");
        }
    }

    #[test]
    fn a_cut_leaves_a_beginning_and_darkness_tells_nobody() {
        for seed in 0..50 {
            let (mut link, mut chance) = (Link::new(64), Chance::new(seed));
            let (bytes, now) = ([7; 30], Instant::from_millis(1));
            for end in [End::Hub, End::Device] {
                assert_eq!(link.send((now, end), &bytes, &WEATHER, &mut chance), 30);
            }
            link.darken(&[End::Device], &mut chance);
            assert!(!link.works());
            link.cut(now, &WEATHER, &mut chance);
            let (at_hub, ended) = arrived(&mut link, End::Hub);
            assert!(bytes.starts_with(&at_hub) && ended);
            assert!(!arrived(&mut link, End::Device).1, "{seed}");
        }
    }
}
