use super::Codec;
use super::classic;
#[cfg(any(feature = "preview311", feature = "preview5"))]
use crate::error::EncodeError;
use crate::message::sealed::Sealed;
use crate::message::{
    Command, DesiredChanged, Input, MethodCall, Operation, Reply, Telemetry, TwinGet, TwinPatch,
};
use crate::publish::Qos;
use crate::write::Writer;

// Each message has a function of its own for the classic dialect and one for the previews, so that a program has in it
// what it sends and no more. The latter is for what is written by tables: that of `preview`, or of `calls`.
macro_rules! outgoing {
    (
        $message:ty, $this:ident, $codec:ident, $preview:ident, $out:ident;
        $classic:expr, $tables:ident => $of_preview:expr;
        $($rest:item)*
    ) => {
        impl<'a> Sealed<'a> for $message {
            #[expect(private_interfaces, reason = "only this crate calls it")]
            fn put(&self, $codec: Codec<'_>, $out: &mut Writer<'_>) {
                let $this = self;
                #[cfg(any(feature = "preview311", feature = "preview5"))]
                if let Some($preview) = $codec.dialect.$tables() {
                    return $of_preview;
                }
                $classic
            }

            $($rest)*
        }
    };
}

outgoing! {
    Telemetry<'a>, this, codec, preview, out;
    classic::put_telemetry(codec.identity, this, out),
    preview => preview.put_telemetry(this, out);

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
    Command<'a>, this, codec, preview, out;
    classic::put_command(codec.identity, this, out),
    preview => preview.put_command(this, out);

    fn payload(&self) -> &'a [u8] {
        self.payload
    }

    fn qos(&self) -> Qos {
        self.qos
    }
}

outgoing! {
    Input<'a>, this, codec, _preview, out;
    classic::put_input(codec.identity, this, out),
    preview => out.fail(EncodeError::NotExpressible);

    fn payload(&self) -> &'a [u8] {
        self.payload
    }

    fn qos(&self) -> Qos {
        self.qos
    }
}

outgoing! {
    MethodCall<'a>, this, codec, preview, out;
    classic::put_method(this, out),
    calls => preview.put_method(this, out);

    fn payload(&self) -> &'a [u8] {
        self.payload
    }
}

outgoing! {
    TwinGet<'a>, this, codec, preview, out;
    classic::put_twin_get(this, out),
    calls => preview.put_twin_get(this, out);

    fn payload(&self) -> &'a [u8] {
        &[]
    }
}

outgoing! {
    TwinPatch<'a>, this, codec, preview, out;
    classic::put_twin_patch(this, out),
    calls => preview.put_twin_patch(this, out);

    fn payload(&self) -> &'a [u8] {
        self.patch
    }
}

outgoing! {
    DesiredChanged<'a>, this, codec, preview, out;
    classic::put_desired_changed(this, out),
    calls => preview.put_desired_changed(codec.variant, this, out);

    fn payload(&self) -> &'a [u8] {
        self.patch
    }

    fn qos(&self) -> Qos {
        self.qos
    }
}

/// An answer, which is no [`Outgoing`](crate::Outgoing) as it does not say what it answers.
pub(super) fn put_reply(codec: Codec<'_>, operation: Operation<'_>, reply: &Reply<'_>, out: &mut Writer<'_>) {
    #[cfg(any(feature = "preview311", feature = "preview5"))]
    if let Some(preview) = codec.dialect.calls() {
        return preview.put_reply(operation, reply, out);
    }
    classic::put_reply(operation, reply, out);
}
