use core::time::Duration;

use iothub_codec::{Channels, Dialect};
use iothub_proto::Session;

use super::Options;
use crate::message::Message;

/// How device and hub talk.
impl Options {
    /// How long a signed token is valid, unless [`Self::token_lifetime`] says otherwise.
    pub const TOKEN_LIFETIME: Duration = Duration::from_secs(3600);
    /// How long a signed token is valid at least.
    pub const TOKEN_LIFETIME_MIN: Duration = Duration::from_secs(10);
    /// Seconds between signs of life, unless [`Self::keep_alive`] says otherwise.
    pub const KEEP_ALIVE_S: u16 = 60;
    /// Speaks that dialect, and the version of MQTT that it is spoken over; [`Dialect::Classic`] otherwise.
    ///
    /// The [table](crate#what-a-dialect-can-say) says what can be done in which. A connection string with a token
    /// instead of a key is good for [`Dialect::Classic`] only.
    #[must_use]
    pub fn dialect(mut self, dialect: Dialect) -> Self {
        self.dialect = dialect;
        self
    }

    /// Subscribes to these channels with the first connection, instead of when they are first asked for.
    #[must_use]
    pub fn subscribe(mut self, channels: Channels) -> Self {
        self.channels = self.channels | channels;
        self
    }

    /// Whether the hub keeps subscriptions between connections. It does by default; with
    /// [`Session::Fresh`] the hub forgets each connection when it ends.
    #[must_use]
    pub fn session(mut self, session: Session) -> Self {
        self.session = session;
        self
    }

    /// What the hub publishes, as telemetry, when the connection ends without [`Device::close`].
    ///
    /// [`Device::close`]: crate::Device::close
    #[must_use]
    pub fn will(mut self, will: Message) -> Self {
        self.will = Some(will);
        self
    }

    /// Names the model of the device, such as `dtmi:com:example:Thermostat;1`. The dialect over MQTT 5 cannot say it.
    #[must_use]
    pub fn model_id(mut self, model_id: impl Into<String>) -> Self {
        self.model_id = Some(model_id.into());
        self
    }

    /// Says what software connects, for the hub's statistics.
    #[must_use]
    pub fn product_info(mut self, product_info: impl Into<String>) -> Self {
        self.product_info = product_info.into();
        self
    }

    /// Pings after that many seconds of silence; 0 never. A hub that has been silent for half as long again, or has taken
    /// nothing of what is sent for so long, is taken for gone; with 0 it never is.
    #[must_use]
    pub fn keep_alive(mut self, seconds: u16) -> Self {
        self.keep_alive_s = seconds;
        self
    }

    /// How long what is signed with a shared key is valid: a token, or in the previews a signature. When most of that
    /// is over, the connection is replaced, or, over MQTT 5, goes on with a new signature. Before it is replaced, nothing new
    /// is begun on it, and for up to ten seconds it is waited for what is under way: messages that are not acknowledged,
    /// requests that are not answered, and methods and commands that are being handled. Never less than
    /// [`Self::TOKEN_LIFETIME_MIN`].
    #[must_use]
    pub fn token_lifetime(mut self, lifetime: Duration) -> Self {
        // Renewals do not wait for each other: what is over at once would be renewed without a pause.
        self.token_lifetime = lifetime.max(Self::TOKEN_LIFETIME_MIN);
        self
    }
}
