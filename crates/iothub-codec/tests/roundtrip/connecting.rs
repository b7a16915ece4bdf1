//! Who connects is who is read, with the proof that was given.

use iothub_codec::{
    Connect, Dialect, EncodeError, Introduction, Proof, PropertySection, SectionOf, Signature, Terms, Text,
    open_connect,
};
use proptest::option;
use proptest::prelude::*;

use crate::sample::{Who, any_who};

/// A proof that owns what it says.
#[derive(Clone, Debug)]
enum Shown {
    Token(String),
    Signature { expiry_ms: u64, at_ms: Option<u64>, policy: Option<String>, code: [u8; 32] },
    Nothing,
}

impl Shown {
    fn proof(&self) -> Proof<'_> {
        match self {
            Self::Token(token) => Proof::Token(token),
            Self::Signature { expiry_ms, at_ms, policy, code } => Proof::Signature(Signature {
                terms: Terms {
                    expiry_ms: *expiry_ms,
                    at_ms: *at_ms,
                    policy: policy.as_deref().map(Text::plain),
                },
                code: *code,
            }),
            Self::Nothing => Proof::None,
        }
    }
}

/// Tokens are of the classic dialect, signatures of the others.
fn any_case() -> impl Strategy<Value = (Who, Shown)> {
    any_who().prop_flat_map(|who| {
        let shown = if who.dialect == Dialect::Classic {
            "[ -~]{1,20}".prop_map(Shown::Token).boxed()
        } else {
            let terms = (any::<u64>(), option::of(any::<u64>()), option::of("[^\0]{1,8}"), any::<[u8; 32]>());
            terms
                .prop_map(|(expiry_ms, at_ms, policy, code)| Shown::Signature {
                    expiry_ms,
                    at_ms,
                    policy,
                    code,
                })
                .boxed()
        };
        (Just(who), prop_oneof![3 => shown, 1 => Just(Shown::Nothing)])
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn who_connects_is_who_is_read(
        (who, shown) in any_case(),
        host in "[a-z0-9.-]{1,40}",
        client_agent in option::of("[^\0]{0,20}"),
        model_id in option::of("[ -~]{0,20}"),
    ) {
        // MQTT 5 has no place for it.
        let model_id = model_id.filter(|_| who.dialect != Dialect::Preview5);
        let introduction =
            Introduction { host: &host, client_agent: client_agent.as_deref(), model_id: model_id.as_deref() };
        let (codec, proof) = (who.codec(), shown.proof());
        let Err(EncodeError::BufferTooSmall { needed }) = codec.encode_connect(&introduction, &proof, &mut [])
        else {
            panic!("written without room")
        };
        prop_assert!(codec.encode_connect(&introduction, &proof, &mut vec![0; needed - 1]).is_err());
        let mut out = vec![0; needed];
        let connect: Connect<'_> = codec.encode_connect(&introduction, &proof, &mut out).unwrap();

        let section = PropertySection::from_wire(connect.properties.as_wire(), SectionOf::Connect);
        prop_assert_eq!(section, Ok(connect.properties), "MQTT has nothing against it");
        let (dialect, claim) = open_connect(&connect).unwrap();
        prop_assert_eq!((dialect, claim.identity), (codec.dialect(), codec.identity()));
        prop_assert!(claim.proof == proof, "another proof than was shown");
        prop_assert_eq!(claim.host, Some(Text::plain(&host)));
        for (read, written) in [(claim.client_agent, &client_agent), (claim.model_id, &model_id)] {
            prop_assert_eq!(&read.map(|text| text.to_string()), written);
        }
    }
}
