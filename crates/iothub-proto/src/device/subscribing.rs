use iothub_codec::{Channels, Codec, Filters};

use super::event::DeviceEvent;
use super::{DeviceSession, SUBSCRIBE, State};
use crate::error::{PeerError, SendError};
use crate::outcomes::{FilterRefusal, Granted};
use crate::packet::Packet;
use crate::time::Instant;

/// What is wanted, what the hub has granted, and what it is being asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Subscribed {
    wanted: Channels,
    /// By this hub to this session value: what another program was granted is not believed.
    confirmed: Channels,
    asking: Option<Asking>,
}

/// The SUBSCRIBE that awaits its answer.
#[derive(Clone, Copy, Debug)]
struct Asking {
    /// For which channel each filter is.
    filters: [Channels; FILTERS],
    len: u8,
}

/// Most filters in one SUBSCRIBE: the channels of a module, or those of a device, one of which has two.
const FILTERS: usize = 6;

impl Subscribed {
    pub(super) const fn new(wanted: Channels) -> Self {
        Self { wanted, confirmed: Channels::NONE, asking: None }
    }
}

impl Asking {
    fn new(codec: Codec<'_>, filters: Filters<'_>) -> Self {
        let mut asking = Self { filters: [Channels::NONE; FILTERS], len: 0 };
        for (place, filter) in asking.filters.iter_mut().zip(filters.iter()) {
            // The codec reads what it has written.
            *place = codec.decode_filter(filter.topic).map(|read| read.channels).unwrap_or_default();
            asking.len += 1;
        }
        asking
    }

    fn filters(&self) -> &[Channels] {
        self.filters.get(..usize::from(self.len)).unwrap_or_default()
    }
}

/// Whether the channel needs no filter, as that of answers over MQTT 5.
fn is_open(codec: Codec<'_>, channel: Channels) -> bool {
    codec.filters(channel, &mut []).is_ok_and(Filters::is_empty)
}

impl<const REQUESTS: usize, const WINDOW: usize> DeviceSession<'_, REQUESTS, WINDOW> {
    /// Adds channels to subscribe to. If the hub has to grant them, [`DeviceEvent::Ready`] comes again when it has.
    ///
    /// [`Channels::DESIRED`] brings [`Channels::REPLIES`] along, as in [`Self::new`].
    pub fn want(&mut self, channels: Channels) {
        self.subscribed.wanted = self.subscribed.wanted.union(channels);
        if self.state == State::Ready && !self.missing().is_empty() {
            self.state = State::Subscribing;
        }
    }

    /// What the hub is to be asked for now: nothing while it is being asked.
    pub(super) fn unasked(&self) -> Channels {
        match self.subscribed.asking {
            Some(_) => Channels::NONE,
            None => self.missing(),
        }
    }

    pub(super) fn subscribe<'b>(
        &mut self,
        channels: Channels,
        out: &'b mut [u8],
    ) -> Result<Packet<'b>, SendError> {
        let filters = self.codec.filters(channels, out)?;
        self.subscribed.asking = Some(Asking::new(self.codec, filters));
        Ok(Packet::Subscribe { token: SUBSCRIBE, filters })
    }

    /// SUBACK came; `None` when nothing was asked.
    pub(super) fn subscription_answered(
        &mut self,
        now: Instant,
        granted: &Granted,
    ) -> Result<Option<Option<DeviceEvent<'static>>>, PeerError> {
        let Some(asking) = self.subscribed.asking.take() else { return Ok(None) };
        let (outcomes, filters) = (granted.iter().len(), asking.filters().len());
        if outcomes != filters {
            return Err(PeerError::WrongCount { outcomes, filters });
        }
        let mut asked = Channels::NONE;
        let mut refused: Option<(Channels, FilterRefusal)> = None;
        for (outcome, channel) in granted.iter().zip(asking.filters()) {
            asked = asked.union(*channel);
            if let Err(refusal) = outcome {
                let (channels, first) = refused.unwrap_or((Channels::NONE, refusal));
                refused = Some((channels.union(*channel), first));
            }
        }
        let Some((mut channels, refusal)) = refused else {
            self.subscribed.confirmed = self.subscribed.confirmed.union(asked);
            return Ok(Some(self.settle_subscriptions(now)));
        };
        self.subscribed.confirmed = self.subscribed.confirmed.union(asked.difference(channels));
        if channels.contains(Channels::REPLIES) && self.follows() {
            channels = channels.union(Channels::DESIRED);
            self.subscribed.confirmed = self.subscribed.confirmed.difference(Channels::DESIRED);
        }
        self.subscribed.wanted = self.subscribed.wanted.difference(channels);
        // The refusal is the event; that everything else is ready goes with it.
        self.settle_subscriptions(now);
        Ok(Some(Some(DeviceEvent::SubscribeRefused { channels, refusal })))
    }

    /// Ready when nothing is left to subscribe to; subscribing otherwise.
    pub(super) fn settle_subscriptions(&mut self, now: Instant) -> Option<DeviceEvent<'static>> {
        if !self.missing().is_empty() {
            self.state = State::Subscribing;
            return None;
        }
        self.state = State::Ready;
        if self.follows() {
            self.desired.begin(now);
        }
        Some(DeviceEvent::Ready)
    }

    /// What is still to be asked for.
    fn missing(&self) -> Channels {
        // Changes of the desired properties are followed with the help of answers.
        let helpers = if self.follows() { Channels::REPLIES } else { Channels::NONE };
        let missing = self.subscribed.wanted.union(helpers).difference(self.subscribed.confirmed);
        missing.iter().filter(|each| !is_open(self.codec, *each)).fold(Channels::NONE, Channels::union)
    }

    fn follows(&self) -> bool {
        self.desired.follows && self.subscribed.wanted.contains(Channels::DESIRED)
    }

    pub(super) fn forget_subscriptions(&mut self) {
        self.subscribed.confirmed = Channels::NONE;
    }

    /// Its answer will not come.
    pub(super) fn end_subscribing(&mut self) {
        self.subscribed.asking = None;
    }
}
