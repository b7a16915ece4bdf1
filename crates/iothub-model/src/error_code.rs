use core::fmt;

use serde::{Serialize, Serializer};

/// The enum and its table, from one row per code.
macro_rules! codes {
    ($($number:literal = $name:ident,)+) => {
        /// The number and name by which a hub says what is wrong.
        ///
        /// The variants are the names of the published table, and say what they mean as well as that table
        /// does.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        #[expect(missing_docs, reason = "the names are all that is published")]
        pub enum ErrorCode { $($name,)+ }

        impl ErrorCode {
            /// Every code, in the order of the numbers.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// The six digits, the first three of which are the HTTP status.
            pub const fn number(self) -> u32 {
                match self { $(Self::$name => $number,)+ }
            }

            /// The name, as in the header `iothub-errorcode`.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)+ }
            }

            /// The code of six digits, if it is known.
            pub const fn from_number(number: u32) -> Option<Self> {
                match number {
                    $($number => Some(Self::$name),)+
                    _ => None,
                }
            }
        }
    };
}

codes! {
    400_000 = GenericBadRequest,
    400_001 = InvalidProtocolVersion,
    400_002 = DeviceInvalidResultCount,
    400_003 = InvalidOperation,
    400_004 = ArgumentInvalid,
    400_005 = ArgumentNull,
    400_006 = IotHubFormatError,
    400_007 = DeviceStorageEntitySerializationError,
    400_008 = BlobContainerValidationError,
    400_009 = ImportWarningExistsError,
    400_010 = InvalidSchemaVersion,
    400_011 = DeviceDefinedMultipleTimes,
    400_012 = DeserializationError,
    400_013 = BulkRegistryOperationFailure,
    400_014 = DefaultStorageEndpointNotConfigured,
    400_015 = InvalidFileUploadCorrelationId,
    400_016 = ExpiredFileUploadCorrelationId,
    400_017 = InvalidStorageEndpoint,
    400_018 = InvalidMessagingEndpoint,
    400_019 = InvalidFileUploadCompletionStatus,
    400_020 = InvalidStorageEndpointOrBlob,
    400_021 = RequestCanceled,
    400_022 = InvalidStorageEndpointProperty,
    400_023 = EtagDoesNotMatch,
    400_024 = RequestTimedOut,
    400_025 = UnsupportedOperationOnReplica,
    400_026 = NullMessage,
    400_027 = ConnectionForcefullyClosedOnNewConnection,
    400_028 = InvalidDeviceScope,
    400_029 = ConnectionForcefullyClosedOnFaultInjection,
    400_030 = ConnectionRejectedOnFaultInjection,
    400_031 = InvalidEndpointAuthenticationType,
    400_032 = ManagedIdentityNotEnabled,
    400_035 = InvalidPolicyKey,
    400_036 = BulkRegenerateDeviceKeyOperationFailure,
    400_100 = InvalidRouteTestInput,
    400_101 = InvalidSourceOnRoute,
    400_102 = RoutingNotEnabled,
    400_103 = InvalidContentEncodingOrType,
    400_301 = CannotRegisterModuleToModule,
    400_302 = TenantHubRoutingNotEnabled,
    400_401 = InvalidConfigurationTargetCondition,
    400_402 = InvalidConfigurationContent,
    400_403 = CannotModifyImmutableConfigurationContent,
    400_404 = InvalidConfigurationCustomMetricsQuery,
    400_501 = InvalidPnPInterfaceDefinition,
    400_502 = InvalidPnPDesiredProperties,
    400_503 = InvalidPnPReportedProperties,
    400_504 = InvalidPnPWritableReportedProperties,
    400_505 = InvalidDigitalTwinJsonPatch,
    400_506 = InvalidDigitalTwinPayload,
    400_507 = InvalidDigitalTwinPatch,
    400_508 = InvalidDigitalTwinPatchPath,
    401_000 = GenericUnauthorized,
    401_001 = IotHubNotFound,
    401_002 = IotHubUnauthorizedAccess,
    401_003 = IotHubUnauthorized,
    401_004 = ElasticPoolNotFound,
    401_100 = SystemModuleModifyUnauthorizedAccess,
    403_000 = GenericForbidden,
    403_001 = IotHubSuspended,
    403_002 = IotHubQuotaExceeded,
    403_003 = JobQuotaExceeded,
    403_004 = DeviceMaximumQueueDepthExceeded,
    403_005 = IotHubMaxCbsTokenExceeded,
    403_006 = DeviceMaximumActiveFileUploadLimitExceeded,
    403_007 = DeviceMaximumQueueSizeExceeded,
    403_008 = RoutingEndpointResponseForbidden,
    403_009 = InvalidMessageExpiryTime,
    403_010 = OperationNotAvailableInCurrentTier,
    403_011 = KeyEncryptionKeyRevoked,
    403_012 = DeviceDisabled,
    403_100 = DeviceModelMaxPropertiesExceeded,
    403_101 = DeviceModelMaxIndexablePropertiesExceeded,
    403_800 = DeviceMaximumInflightMethodExceeded,
    404_000 = GenericNotFound,
    404_001 = DeviceNotFound,
    404_002 = JobNotFound,
    404_004 = QuotaMetricNotFound,
    404_005 = SystemPropertyNotFound,
    404_006 = AmqpAddressNotFound,
    404_007 = RoutingEndpointResponseNotFound,
    404_008 = CertificateNotFound,
    404_009 = ElasticPoolTenantHubNotFound,
    404_010 = ModuleNotFound,
    404_011 = AzureTableStoreNotFound,
    404_012 = IotHubFailingOver,
    404_013 = FeatureNotSupported,
    404_014 = DigitalTwinInterfaceNotFound,
    404_101 = QueryStoreClusterNotFound,
    404_103 = DeviceNotOnline,
    404_104 = DeviceConnectionClosedRemotely,
    404_301 = ConfigurationNotFound,
    404_302 = GroupNotFound,
    404_401 = DigitalTwinModelNotFound,
    404_402 = InterfaceNameModelNotFound,
    405_000 = GenericMethodNotAllowed,
    405_102 = OperationNotAllowedInCurrentState,
    405_103 = ImportDevicesNotSupported,
    405_104 = BulkAddDevicesNotSupported,
    409_000 = GenericConflict,
    409_001 = DeviceAlreadyExists,
    409_002 = LinkCreationConflict,
    409_003 = CallbackSubscriptionConflict,
    409_101 = ModelAlreadyExists,
    409_102 = DeviceLocked,
    409_103 = DeviceJobAlreadyExists,
    409_104 = JobAlreadyExists,
    409_301 = ModuleAlreadyExistsOnDevice,
    409_401 = ConfigurationAlreadyExists,
    409_402 = ApplyConfigurationAlreadyInProgressOnDevice,
    409_501 = DigitalTwinModelAlreadyExists,
    409_502 = DigitalTwinModelExistsWithOtherModelType,
    409_503 = InterfaceNameModelAlreadyExists,
    412_000 = GenericPreconditionFailed,
    412_001 = PreconditionFailed,
    412_002 = DeviceMessageLockLost,
    412_003 = JobRunPreconditionFailed,
    412_004 = InflightMessagesInLink,
    413_000 = GenericRequestEntityTooLarge,
    413_001 = MessageTooLarge,
    413_002 = TooManyDevices,
    413_003 = TooManyModulesOnDevice,
    413_101 = ConfigurationCountLimitExceeded,
    413_201 = DigitalTwinModelCountLimitExceeded,
    413_202 = InterfaceNameCompressionModelCountLimitExceeded,
    415_000 = GenericUnsupportedMediaType,
    415_101 = IncompatibleDataType,
    429_000 = GenericTooManyRequests,
    429_001 = ThrottlingException,
    429_002 = ThrottleBacklogLimitExceeded,
    429_003 = ThrottlingBacklogTimeout,
    429_004 = ThrottlingMaxActiveJobCountExceeded,
    429_005 = DeviceThrottlingLimitExceeded,
    499_000 = ClientClosedRequest,
    500_001 = ServerError,
    500_002 = JobCancelled,
    500_008 = GenericTimeout,
    500_009 = InvalidThrottleParameter,
    500_301 = ModelRepoEndpointError,
    500_302 = ResolutionError,
    500_401 = UnableToFetchCredentials,
    500_402 = UnableToFetchTenantInfo,
    500_403 = UnableToShareIdentity,
    500_501 = UnableToExpandDiscoveryInfo,
    500_502 = UnableToExpandComponentInfo,
    500_503 = UnableToCompressComponentInfo,
    500_504 = UnableToCompressDiscoveryInfo,
    500_505 = OrphanDiscoveryDocument,
    502_000 = GenericBadGateway,
    503_000 = GenericServiceUnavailable,
    503_001 = ServiceUnavailable,
    503_003 = PartitionNotFound,
    503_004 = IotHubActivationFailed,
    503_005 = ServerBusy,
    503_006 = IotHubRestoring,
    503_008 = ReceiveLinkOpensThrottled,
    503_101 = ConnectionUnavailable,
    503_102 = DeviceUnavailable,
    503_201 = ConfigurationNotAvailable,
    503_202 = GroupNotAvailable,
    503_301 = HostingServiceNotAvailable,
    504_000 = GenericGatewayTimeout,
    504_101 = GatewayTimeout,
}

impl ErrorCode {
    /// The code of that name in any case, if it is known.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.name().eq_ignore_ascii_case(name))
    }

    /// The status of the HTTP response.
    pub fn http_status(self) -> u16 {
        u16::try_from(self.number() / 1000).expect("every code has six digits")
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.number(), self.name())
    }
}

impl Serialize for ErrorCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(self.number())
    }
}
