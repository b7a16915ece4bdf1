use iothub_codec::{
    Connect, EncodeError, PropertySection, ProvisioningReply, Publish, Register, RegistrationClaim,
    RegistrationStatus, RequestId, Text, ToProvisioning, Version,
};
use proptest::prelude::*;

proptest! {
    #[test]
    fn what_is_written_reads_back(
        id in "[!-~&&[^&#+]]{1,64}",
        operation in "\\PC{1,40}",
        code in 100u16..=999,
        retry_after_s: Option<u32>,
        payload: Vec<u8>,
    ) {
        let request = RequestId::new(id.as_bytes()).unwrap();
        let mut out = [0; 1024];
        let register = Register { request, payload: &payload };
        let publish = register.encode(&mut out).unwrap();
        prop_assert_eq!(ToProvisioning::decode(&publish), Ok(ToProvisioning::Register(register)));

        let mut out = [0; 1024];
        let status = RegistrationStatus { request, operation: Text::plain(&operation) };
        let publish = status.encode(&mut out).unwrap();
        prop_assert_eq!(ToProvisioning::decode(&publish), Ok(ToProvisioning::Status(status)));

        let mut out = [0; 1024];
        let reply = ProvisioningReply { request, code, retry_after_s, payload: &payload };
        let publish = reply.encode(&mut out).unwrap();
        prop_assert_eq!(ProvisioningReply::decode(&publish), Ok(reply));

        let Err(EncodeError::BufferTooSmall { needed }) = reply.encode(&mut []) else { panic!() };
        let encode = |len| reply.encode(&mut vec![0; len]).map(|_| ());
        prop_assert_eq!(encode(needed - 1), Err(EncodeError::BufferTooSmall { needed }));
        prop_assert_eq!(encode(needed), Ok(()));
    }

    #[test]
    fn whatever_comes_is_a_message_or_an_error(
        topic in "(\\$dps/registrations/(PUT/iotdps-register|GET/iotdps-get-operationstatus|res/[0-9+-]{0,6})/?)?\\PC{0,40}",
        username in "(0ne/registrations)?\\PC{0,40}",
        client_id in "\\PC{0,4}",
    ) {
        let publish = Publish::new(&topic, b"");
        let _ = (ToProvisioning::decode(&publish), ProvisioningReply::decode(&publish));
        let _ = ProvisioningReply::decode_filter(&topic);
        let properties = PropertySection::EMPTY;
        let username = Some(&*username);
        let connect =
            Connect { version: Version::V311, client_id: &client_id, username, password: None, properties };
        let _ = RegistrationClaim::open(&connect);
    }
}
