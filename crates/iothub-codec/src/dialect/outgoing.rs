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

// Each message has a function of its own for the classic dialect and one for what is written by tables, so that a program
// has in it what it sends and no more. The tables are those of `preview`, or those of `calls`.
macro_rules! outgoing {
    (
        $message:ty, $this:ident, $codec:ident, $tables:ident, $out:ident;
        $classic:expr, $whose:ident => $of_tables:expr;
        $($rest:item)*
    ) => {
        impl<'a> Sealed<'a> for $message {
            #[expect(private_interfaces, reason = "only this crate calls it")]
            fn put(&self, $codec: Codec<'_>, $out: &mut Writer<'_>) {
                let $this = self;
                #[cfg(any(feature = "preview311", feature = "preview5"))]
                if let Some($tables) = $codec.dialect.$whose() {
                    return $of_tables;
                }
                $classic
            }

            $($rest)*
        }
    };
}

outgoing! {
    Telemetry<'a>, this, codec, tables, out;
    classic::put_telemetry(codec.identity, this, out),
    preview => tables.put_telemetry(this, out);

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
    Command<'a>, this, codec, tables, out;
    classic::put_command(codec.identity, this, out),
    preview => tables.put_command(this, out);

    fn payload(&self) -> &'a [u8] {
        self.payload
    }

    fn qos(&self) -> Qos {
        self.qos
    }
}

outgoing! {
    Input<'a>, this, codec, _tables, out;
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
    MethodCall<'a>, this, codec, tables, out;
    classic::put_method(this, out),
    calls => tables.put_method(this, out);

    fn payload(&self) -> &'a [u8] {
        self.payload
    }
}

outgoing! {
    TwinGet<'a>, this, codec, tables, out;
    classic::put_twin_get(this, out),
    calls => tables.put_twin_get(this, out);

    fn payload(&self) -> &'a [u8] {
        &[]
    }
}

outgoing! {
    TwinPatch<'a>, this, codec, tables, out;
    classic::put_twin_patch(this, out),
    calls => tables.put_twin_patch(this, out);

    fn payload(&self) -> &'a [u8] {
        self.patch
    }
}

outgoing! {
    DesiredChanged<'a>, this, codec, tables, out;
    classic::put_desired_changed(this, out),
    calls => tables.put_desired_changed(codec.variant, this, out);

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
    if let Some(tables) = codec.dialect.calls() {
        return tables.put_reply(operation, reply, out);
    }
    classic::put_reply(operation, reply, out);
}
