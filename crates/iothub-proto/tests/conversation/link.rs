//! A connection that delays what it carries, and keeps it in order.

use std::collections::VecDeque;

use iothub_proto::Instant;

use crate::chance::Chance;
use crate::pair::ms;
use crate::parcel::Parcel;

/// How bad a link is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weather {
    /// How many of the QoS 0 messages are lost, in percent.
    pub(crate) loss: u64,
    /// How many of those that are not come twice, in percent.
    pub(crate) repeat: u64,
    /// The least and the most that a packet takes, in milliseconds.
    pub(crate) latency_ms: (u64, u64),
    /// The connection is cut some time after it was made, up to that many milliseconds; never for 0.
    pub(crate) cut_within_ms: u64,
    /// How many connections are cut at most.
    pub(crate) cuts: u32,
    pub(crate) seed: u64,
}

impl Weather {
    pub(crate) const FINE: Self =
        Self { loss: 0, repeat: 0, latency_ms: (40, 40), cut_within_ms: 0, cuts: 0, seed: 0 };
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Device,
    Hub,
}

#[derive(Debug)]
pub(crate) struct Link {
    weather: Weather,
    chance: Chance,
    to_device: VecDeque<(Instant, Parcel)>,
    to_hub: VecDeque<(Instant, Parcel)>,
    cut_at: Option<Instant>,
    cuts: u32,
}

impl Link {
    pub(crate) fn new(weather: Weather) -> Self {
        let chance = Chance::new(weather.seed);
        Self { weather, chance, to_device: VecDeque::new(), to_hub: VecDeque::new(), cut_at: None, cuts: 0 }
    }

    /// From now on nothing bad happens.
    pub(crate) fn calm(&mut self) {
        self.weather = Weather { seed: self.weather.seed, ..Weather::FINE };
        self.cut_at = None;
    }

    /// A new connection.
    pub(crate) fn open(&mut self, now: Instant) {
        self.close();
        if self.weather.cut_within_ms > 0 && self.cuts < self.weather.cuts {
            self.cuts += 1;
            self.cut_at = Some(now.after(ms(1 + self.chance.below(self.weather.cut_within_ms))));
        }
    }

    /// The connection is gone, and what was under way with it.
    pub(crate) fn close(&mut self) {
        self.to_device.clear();
        self.to_hub.clear();
        self.cut_at = None;
    }

    pub(crate) fn send(&mut self, now: Instant, to: End, parcel: Parcel) {
        let mut copies = 1;
        if parcel.is_at_most_once() {
            if self.chance.happens(self.weather.loss) {
                copies = 0;
            } else if self.chance.happens(self.weather.repeat) {
                copies = 2;
            }
        }
        for _ in 0..copies {
            let (least, most) = self.weather.latency_ms;
            let arrival = now.after(ms(least + self.chance.below(most - least + 1)));
            let queue = self.queue(to);
            let arrival = queue.back().map_or(arrival, |(last, _)| arrival.max(*last));
            queue.push_back((arrival, parcel.clone()));
        }
    }

    /// When something arrives next, or the connection is cut.
    pub(crate) fn next(&self) -> Option<Instant> {
        let arrivals = [&self.to_device, &self.to_hub].map(|queue| queue.front().map(|(at, _)| *at));
        arrivals.into_iter().chain([self.cut_at]).flatten().min()
    }

    pub(crate) fn is_cut(&self, now: Instant) -> bool {
        self.cut_at.is_some_and(|at| at <= now)
    }

    /// What has arrived by now.
    pub(crate) fn receive(&mut self, now: Instant) -> Option<(End, Parcel)> {
        for end in [End::Device, End::Hub] {
            let queue = self.queue(end);
            if queue.front().is_some_and(|(at, _)| *at <= now) {
                return queue.pop_front().map(|(_, parcel)| (end, parcel));
            }
        }
        None
    }

    fn queue(&mut self, to: End) -> &mut VecDeque<(Instant, Parcel)> {
        match to {
            End::Device => &mut self.to_device,
            End::Hub => &mut self.to_hub,
        }
    }
}
