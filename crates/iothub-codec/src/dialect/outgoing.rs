use super::classic;
#[cfg(feature = "preview5")]
use super::preview5;
#[cfg(feature = "preview311")]
use super::preview311;
use super::{Codec, Dialect};
#[cfg(any(feature = "preview311", feature = "preview5"))]
use crate::error::EncodeError;
use crate::message::sealed::Sealed;
use crate::message::{
    Command, DesiredChanged, Input, MethodCall, Operation, Reply, Telemetry, TwinGet, TwinPatch,
};
use crate::publish::Qos;
use crate::write::Writer;

// Each message has a function of its own for each dialect, so that a program has in it what it sends and no more.
macro_rules! outgoing {
    (
        $message:ty, $this:ident, $codec:ident, $out:ident;
        $classic:expr, $preview311:expr, $preview5:expr;
        $($rest:item)*
    ) => {
        impl<'a> Sealed<'a> for $message {
            #[expect(private_interfaces, reason = "only this crate calls it")]
            fn put(&self, $codec: Codec<'_>, $out: &mut Writer<'_>) {
                let $this = self;
                match $codec.dialect {
                    Dialect::Classic => $classic,
                    #[cfg(feature = "preview311")]
                    Dialect::Preview311 => $preview311,
                    #[cfg(feature = "preview5")]
                    Dialect::Preview5 => $preview5,
                }
            }

            $($rest)*
        }
    };
}

outgoing! {
    Telemetry<'a>, this, codec, out;
    classic::put_telemetry(codec.identity, this, out),
    preview311::PREVIEW.put_telemetry(this, out),
    preview5::PREVIEW.put_telemetry(this, out);

    fn payload(&self) -> &'a [u8] {
        self.payload
    }

    fn qos(&self) -> Qos {
        self.qos
    }

    fn retain(&self) -> bool {
        self.retain
    }
}

outgoing! {
    Command<'a>, this, codec, out;
    classic::put_command(codec.identity, this, out),
    preview311::PREVIEW.put_command(this, out),
    preview5::PREVIEW.put_command(this, out);

    fn payload(&self) -> &'a [u8] {
        self.payload
    }

    fn qos(&self) -> Qos {
        self.qos
    }
}

outgoing! {
    Input<'a>, this, codec, out;
    classic::put_input(codec.identity, this, out),
    out.fail(EncodeError::NotExpressible),
    out.fail(EncodeError::NotExpressible);

    fn payload(&self) -> &'a [u8] {
        self.payload
    }

    fn qos(&self) -> Qos {
        self.qos
    }
}

outgoing! {
    MethodCall<'a>, this, codec, out;
    classic::put_method(this, out),
    preview311::PREVIEW.put_method(this, out),
    preview5::PREVIEW.put_method(this, out);

    fn payload(&self) -> &'a [u8] {
        self.payload
    }
}

outgoing! {
    TwinGet<'a>, this, codec, out;
    classic::put_twin_get(this, out),
    preview311::PREVIEW.put_twin_get(this, out),
    preview5::PREVIEW.put_twin_get(this, out);

    fn payload(&self) -> &'a [u8] {
        &[]
    }
}

outgoing! {
    TwinPatch<'a>, this, codec, out;
    classic::put_twin_patch(this, out),
    preview311::PREVIEW.put_twin_patch(this, out),
    preview5::PREVIEW.put_twin_patch(this, out);

    fn payload(&self) -> &'a [u8] {
        self.patch
    }
}

outgoing! {
    DesiredChanged<'a>, this, codec, out;
    classic::put_desired_changed(this, out),
    preview311::PREVIEW.put_desired_changed(codec.variant, this, out),
    preview5::PREVIEW.put_desired_changed(codec.variant, this, out);

    fn payload(&self) -> &'a [u8] {
        self.patch
    }

    fn qos(&self) -> Qos {
        self.qos
    }
}

/// An answer, which is no [`Outgoing`](crate::Outgoing) as it does not say what it answers.
pub(super) fn put_reply(codec: Codec<'_>, operation: Operation<'_>, reply: &Reply<'_>, out: &mut Writer<'_>) {
    match codec.dialect {
        Dialect::Classic => classic::put_reply(operation, reply, out),
        #[cfg(feature = "preview311")]
        Dialect::Preview311 => preview311::PREVIEW.put_reply(operation, reply, out),
        #[cfg(feature = "preview5")]
        Dialect::Preview5 => preview5::PREVIEW.put_reply(operation, reply, out),
    }
}
