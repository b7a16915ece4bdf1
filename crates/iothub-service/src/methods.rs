use core::time::Duration;

use iothub_codec::Identity;
use iothub_model::{MethodInvocation, MethodResult};

use crate::request::{Request, twin_path};
use crate::{Error, Service};

/// How much longer than the device may take the answer of the hub is waited for.
pub(crate) const GRACE: Duration = Duration::from_secs(10);

/// # Methods of devices and modules
///
/// All of it takes the right ServiceConnect.
impl Service {
    /// Calls a method and gives what the device answered, whatever its status. The call waits for as long as
    /// `call` allows the device to connect and to answer.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with `DeviceNotOnline` if the device is not connected or does not offer methods, and
    /// with `GatewayTimeout` if it did not answer in time: it may have done it. See [`Error`] for others.
    pub async fn invoke_method(
        &self,
        on: Identity<'_>,
        call: &MethodInvocation,
    ) -> Result<MethodResult, Error> {
        self.send(request(on, call)?).await
    }
}

fn request(on: Identity<'_>, call: &MethodInvocation) -> Result<Request, Error> {
    let patience = call.connect_timeout() + call.response_timeout() + GRACE;
    Ok(Request::post(format!("{}/methods", twin_path(on)?)).json(call).within(patience))
}

#[cfg(test)]
mod tests {
    use iothub_codec::DeviceId;

    use super::*;

    #[test]
    fn a_call_waits_for_as_long_as_the_device_may_take() {
        let device = Identity::device(DeviceId::new("dev-1").expect("a name"));
        for (response_s, connect_s, waited_s) in
            [(None, None, 40), (Some(5), None, 15), (Some(300), Some(300), 610), (Some(9999), Some(-5), 310)]
        {
            let call = MethodInvocation {
                response_timeout_in_seconds: response_s,
                connect_timeout_in_seconds: connect_s,
                ..MethodInvocation::new("reboot")
            };
            let request = request(device, &call).expect("a request");
            assert_eq!(request.timeout, Some(Duration::from_secs(waited_s)));
        }
    }

    #[test]
    fn a_call_is_the_published_request() {
        let device = Identity::device(DeviceId::new("dev-1").expect("a name"));
        let published = br#"{"methodName":"reboot","payload":{"delay":5},"responseTimeoutInSeconds":30,"connectTimeoutInSeconds":0}"#;
        let call: MethodInvocation = serde_json::from_slice(published).expect("a call");
        let request = request(device, &call).expect("a request");
        assert_eq!(request.method, "POST");
        assert_eq!(request.url("h"), "https://h/twins/dev-1/methods?api-version=2021-04-12");
        assert_eq!(request.body[..], published[..]);
    }
}
