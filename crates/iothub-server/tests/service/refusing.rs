use iothub_model::{ErrorCode, IfMatch, MethodInvocation};

use crate::site::{Site, device, twin};

#[tokio::test]
async fn what_a_hub_refuses_has_a_code_a_number_and_an_id_in_its_log() {
    let site = Site::new().await;
    let service = &site.service;
    let reboot = MethodInvocation::new("reboot");
    for (error, code) in [
        (service.get_device(device("none")).await.unwrap_err(), ErrorCode::DeviceNotFound),
        (service.get_twin(twin("none")).await.unwrap_err(), ErrorCode::DeviceNotFound),
        (service.delete_device(device("none"), &IfMatch::Any).await.unwrap_err(), ErrorCode::DeviceNotFound),
        (service.invoke_method(twin("none"), &reboot).await.unwrap_err(), ErrorCode::DeviceNotFound),
        (service.get_job("none").await.unwrap_err(), ErrorCode::JobNotFound),
    ] {
        assert_eq!((error.code(), error.number()), (Some(code), Some(code.number())), "{error}");
        assert_eq!(error.status(), Some(code.http_status()));
        assert!(error.tracking_id().is_some_and(|id| !id.is_empty()), "{error:?}");
        assert!(!error.is_retryable() && !error.may_have_been_done());
    }
}
