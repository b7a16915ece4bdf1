codes! {
    400_000 = GenericBadRequest
        "The request is wrong in a way for which there is no code of its own."
        "Read the message that came with it; it says which part is wrong.";
    400_001 = InvalidProtocolVersion
        "The query parameter `api-version` is missing or not known."
        "Add `?api-version=2021-04-12` to the address.";
    400_002 = DeviceInvalidResultCount
        "A list was asked for with a number of results that is not allowed."
        "Ask for 1 to 1000 devices with `top`.";
    400_003 = InvalidOperation
        "The operation does not exist, or not for this kind of thing."
        "Compare method and path with the reference of the service API.";
    400_004 = ArgumentInvalid
        "A value in the address, a header or the body breaks a rule."
        "The message names the value and the rule; change that value.";
    400_005 = ArgumentNull
        "A value is missing that has to be there."
        "The message names it; add it.";
    400_006 = IotHubFormatError
        "The body is not the JSON that belongs there."
        "Check the JSON at the place that the message names, and the type of each member.";
    400_007 = DeviceStorageEntitySerializationError
        "A device could not be written to storage."
        "Check names and values in the device for what JSON cannot carry.";
    400_008 = BlobContainerValidationError
        "The container for an import or export cannot be read or written."
        "Check that the SAS URI of the container is whole, has not expired, and lets one read, write and delete.";
    400_009 = ImportWarningExistsError
        "An import was done in part only."
        "Read its error log for the lines that were left out.";
    400_010 = InvalidSchemaVersion
        "A configuration has a schema version that is not known."
        "Write `\"schemaVersion\": \"1.0\"`.";
    400_011 = DeviceDefinedMultipleTimes
        "The same device is in one bulk request more than once."
        "Leave each device in only once.";
    400_012 = DeserializationError
        "The body could not be read as what it should be."
        "Check member names and types against the reference of the service API.";
    400_013 = BulkRegistryOperationFailure
        "Some entries of a bulk request were not carried out."
        "The list `errors` in the answer says which and why; send those again when mended.";
    400_014 = DefaultStorageEndpointNotConfigured
        "The hub has no storage for files that devices upload."
        "Configure storage for file upload before devices use it.";
    400_015 = InvalidFileUploadCorrelationId
        "A finished upload was announced under an id that the hub has not given."
        "Send back the `correlationId` that came with the address for the upload.";
    400_016 = ExpiredFileUploadCorrelationId
        "A finished upload was announced too late."
        "Ask for a new address and upload again, or give uploads more time.";
    400_017 = InvalidStorageEndpoint
        "The storage endpoint of the hub is not one."
        "Check the connection string of the storage account.";
    400_018 = InvalidMessagingEndpoint
        "The messaging endpoint of the hub is not one."
        "Check the name of the endpoint.";
    400_019 = InvalidFileUploadCompletionStatus
        "The end of an upload was announced without saying how it ended."
        "Send `isSuccess`, `statusCode` and `statusDescription`.";
    400_020 = InvalidStorageEndpointOrBlob
        "The storage endpoint or the name of the blob is not valid."
        "Check the blob name: at most 1024 characters, and no path that leaves the container.";
    400_021 = RequestCanceled
        "The request was cancelled before it was done."
        "Send it again if it is still wanted.";
    400_022 = InvalidStorageEndpointProperty
        "A property of the storage endpoint is not valid."
        "Check container name, SAS lifetime and notification settings.";
    400_023 = EtagDoesNotMatch
        "The thing was changed since its etag was read."
        "Read it again, make the change again, and send it with the new etag.";
    400_024 = RequestTimedOut
        "The hub was not done in time."
        "Try again after a pause; it may have been done nevertheless.";
    400_025 = UnsupportedOperationOnReplica
        "The hub that was asked is a copy that only reads."
        "Ask the primary hub.";
    400_026 = NullMessage
        "A message without content and properties was sent."
        "Send a body, even an empty one with properties.";
    400_027 = ConnectionForcefullyClosedOnNewConnection
        "The same device has connected a second time, which ends the first connection."
        "See to it that only one client uses this identity; two of them drive each other out for ever.";
    400_028 = InvalidDeviceScope
        "The scope of the device or of its parent is not one."
        "Use the `deviceScope` of the parent as it is shown by the registry.";
    400_029 = ConnectionForcefullyClosedOnFaultInjection
        "A test asked for this connection to be closed."
        "Nothing: the client should connect again.";
    400_030 = ConnectionRejectedOnFaultInjection
        "A test asked for this connection to be refused."
        "Nothing: the client should try again later.";
    400_031 = InvalidEndpointAuthenticationType
        "An endpoint is to be used with a kind of authentication that it does not have."
        "Choose key-based or identity-based authentication as the endpoint allows.";
    400_032 = ManagedIdentityNotEnabled
        "The hub is to use a managed identity, and has none."
        "Enable one, or use keys.";
    400_035 = InvalidPolicyKey
        "A key of a shared access policy is not valid."
        "Keys are base64 of 16 to 64 bytes.";
    400_036 = BulkRegenerateDeviceKeyOperationFailure
        "The keys of some devices could not be made anew."
        "The answer names the devices; try those again.";
    400_100 = InvalidRouteTestInput
        "A route is to be tested with a message that is not one."
        "Check the message and its properties.";
    400_101 = InvalidSourceOnRoute
        "A route begins at a source that does not exist."
        "Use one of the sources, such as `DeviceMessages` or `TwinChangeEvents`.";
    400_102 = RoutingNotEnabled
        "The hub does not route messages."
        "Turn routing on, or read the built-in endpoint.";
    400_103 = InvalidContentEncodingOrType
        "A condition on the body needs to know what the body is."
        "Devices have to send content type `application/json` and content encoding `utf-8`, `utf-16` or `utf-32`.";
    400_301 = CannotRegisterModuleToModule
        "A module was to be made beneath a module."
        "Modules belong to devices: name the device.";
    400_302 = TenantHubRoutingNotEnabled
        "Routing is not enabled for this hub."
        "Turn routing on.";
    400_401 = InvalidConfigurationTargetCondition
        "The target condition of a configuration is not one."
        "Write `*`, nothing, or a condition on `tags` and `deviceId` such as `tags.plant='p1'`.";
    400_402 = InvalidConfigurationContent
        "The content of a configuration is not valid."
        "Give exactly one of `deviceContent`, `modulesContent` and `moduleContent`, with dotted paths such as `properties.desired.rate`.";
    400_403 = CannotModifyImmutableConfigurationContent
        "The content of a configuration cannot be changed once it is there."
        "Make a new configuration with the new content and a higher priority.";
    400_404 = InvalidConfigurationCustomMetricsQuery
        "A query for a metric of a configuration is not one."
        "Test it with `POST /configurations/testQueries`.";
    400_501 = InvalidPnPInterfaceDefinition
        "An interface that a device implements is not defined as it must be."
        "Check the model in DTDL.";
    400_502 = InvalidPnPDesiredProperties
        "Desired properties do not fit the device's model."
        "Compare names and types with the model.";
    400_503 = InvalidPnPReportedProperties
        "Reported properties do not fit the device's model."
        "Compare names and types with the model.";
    400_504 = InvalidPnPWritableReportedProperties
        "The answer to a writable property is not one."
        "Report `value`, `ac`, `av` and, if wanted, `ad`.";
    400_505 = InvalidDigitalTwinJsonPatch
        "The patch of a digital twin is not a JSON patch."
        "Send an array of `add`, `replace` and `remove` operations.";
    400_506 = InvalidDigitalTwinPayload
        "The payload of a digital twin command does not fit its model."
        "Compare it with the model.";
    400_507 = InvalidDigitalTwinPatch
        "The patch of a digital twin cannot be applied."
        "Compare it with the model; components need `$metadata`.";
    400_508 = InvalidDigitalTwinPatchPath
        "The patch of a digital twin names a path that does not exist."
        "Write `/property`, `/component` or `/component/property`.";
    401_000 = GenericUnauthorized
        "The caller has not proved who it is."
        "Send a token in the header `Authorization`.";
    401_001 = IotHubNotFound
        "There is no hub of that name."
        "Check the host name in the connection string.";
    401_002 = IotHubUnauthorizedAccess
        "The token is missing, has expired, is of another hub, is signed with another key, or its policy lacks the right."
        "Compare host name, policy, key and clock; the hub's log names the rule that was broken.";
    401_003 = IotHubUnauthorized
        "The caller may not use this hub."
        "Compare host name, policy, key and clock; the hub's log names the rule that was broken.";
    401_004 = ElasticPoolNotFound
        "The pool that the hub should be in does not exist."
        "Ask the support of Azure, whose matter it is.";
    401_100 = SystemModuleModifyUnauthorizedAccess
        "A module of the Edge runtime was to be changed by somebody who may not."
        "Change it by a deployment.";
    403_000 = GenericForbidden
        "The caller is known and may not do this."
        "Use a policy that has the right.";
    403_001 = IotHubSuspended
        "The hub is suspended."
        "Check the subscription that pays for it.";
    403_002 = IotHubQuotaExceeded
        "The messages of the day are used up."
        "Wait for midnight UTC, add units, or send fewer and larger messages.";
    403_003 = JobQuotaExceeded
        "There are too many jobs."
        "Wait for some to end, or cancel some.";
    403_004 = DeviceMaximumQueueDepthExceeded
        "Fifty commands wait for this device already."
        "Wait until it has fetched some, purge its queue, or let commands expire sooner.";
    403_005 = IotHubMaxCbsTokenExceeded
        "Too many tokens were put on one AMQP connection."
        "Spread devices over more connections.";
    403_006 = DeviceMaximumActiveFileUploadLimitExceeded
        "The device has ten uploads open."
        "Announce the end of each upload, also of failed ones.";
    403_007 = DeviceMaximumQueueSizeExceeded
        "The commands that wait for this device are too many bytes."
        "Wait until it has fetched some, or purge its queue.";
    403_008 = RoutingEndpointResponseForbidden
        "The endpoint that messages are routed to refuses the hub."
        "Check the keys or roles at the endpoint.";
    403_009 = InvalidMessageExpiryTime
        "A command was to expire at a time that is over."
        "Give a time in the future, and compare the clocks.";
    403_010 = OperationNotAvailableInCurrentTier
        "The hub's edition does not have this operation."
        "Commands, twins, methods and jobs need a standard or free edition.";
    403_011 = KeyEncryptionKeyRevoked
        "The key that the hub's data is encrypted with was revoked."
        "Restore it in its vault.";
    403_012 = DeviceDisabled
        "The device is disabled in the registry."
        "Enable it: `iothub device update ID --status enabled`.";
    403_100 = DeviceModelMaxPropertiesExceeded
        "A device model has too many properties."
        "Split it into components.";
    403_101 = DeviceModelMaxIndexablePropertiesExceeded
        "A device model has too many properties that are searched by."
        "Search by fewer.";
    403_800 = DeviceMaximumInflightMethodExceeded
        "Too many method calls to this device are unanswered."
        "Wait for answers, or let calls time out sooner.";
    404_000 = GenericNotFound
        "There is nothing at that address."
        "Compare the path with the reference of the service API.";
    404_001 = DeviceNotFound
        "The device is not in the registry."
        "Check its id, which is case-sensitive; create it with `iothub device create ID`.";
    404_002 = JobNotFound
        "There is no job of that id."
        "Check the id; jobs are kept for 30 days.";
    404_004 = QuotaMetricNotFound
        "There is no such metric."
        "List the metrics of the hub.";
    404_005 = SystemPropertyNotFound
        "A message lacks a system property that is needed."
        "The message names it; have the sender set it.";
    404_006 = AmqpAddressNotFound
        "There is no link at that AMQP address."
        "Compare the address with the reference.";
    404_007 = RoutingEndpointResponseNotFound
        "The endpoint that messages are routed to does not exist."
        "Check queue, topic or container at the endpoint.";
    404_008 = CertificateNotFound
        "There is no certificate of that name."
        "List the certificates of the hub.";
    404_009 = ElasticPoolTenantHubNotFound
        "The hub is not in its pool."
        "Ask the support of Azure, whose matter it is.";
    404_010 = ModuleNotFound
        "The module is not in the registry."
        "Check device and module id; create it with `iothub module create DEVICE MODULE`.";
    404_011 = AzureTableStoreNotFound
        "A table of the hub's storage is missing."
        "Ask the support of Azure, whose matter it is.";
    404_012 = IotHubFailingOver
        "The hub is moving to another region."
        "Try again later.";
    404_013 = FeatureNotSupported
        "The hub does not have this feature."
        "Compare with what the hub's edition or version offers.";
    404_014 = DigitalTwinInterfaceNotFound
        "The device does not implement that interface."
        "Check the model that the device announces when it connects.";
    404_101 = QueryStoreClusterNotFound
        "The store that answers queries is not there."
        "Try again later.";
    404_103 = DeviceNotOnline
        "The device is not connected, or does not listen to methods."
        "Connect it, or give the call a `connectTimeoutInSeconds` to wait for it.";
    404_104 = DeviceConnectionClosedRemotely
        "The device's connection ended before it answered."
        "Call again when it is back; the method may have run.";
    404_301 = ConfigurationNotFound
        "There is no configuration of that id."
        "List the configurations.";
    404_302 = GroupNotFound
        "There is no group of that id."
        "List the groups.";
    404_401 = DigitalTwinModelNotFound
        "The model cannot be found."
        "Check its id, and where models are looked for.";
    404_402 = InterfaceNameModelNotFound
        "The names of interfaces cannot be resolved."
        "Check the model that the device announces.";
    405_000 = GenericMethodNotAllowed
        "That address does not take this HTTP method."
        "Compare method and path with the reference of the service API.";
    405_102 = OperationNotAllowedInCurrentState
        "The thing is in a state in which that cannot be done."
        "Read its state; an ended job, for one, cannot be cancelled.";
    405_103 = ImportDevicesNotSupported
        "This hub does not import devices."
        "Create them in bulk: `POST /devices`.";
    405_104 = BulkAddDevicesNotSupported
        "This hub does not create devices in bulk."
        "Create them one by one.";
    409_000 = GenericConflict
        "The request contradicts what is there."
        "Read the present state, then decide again.";
    409_001 = DeviceAlreadyExists
        "There is a device of that id."
        "Use it, delete it first, or send its etag in `If-Match` to change it.";
    409_002 = LinkCreationConflict
        "An AMQP link of that name is open already."
        "Close it first, or use another name.";
    409_003 = CallbackSubscriptionConflict
        "Something listens to the same events already."
        "End the other subscription first.";
    409_101 = ModelAlreadyExists
        "There is a model of that id."
        "Give the new one a new version.";
    409_102 = DeviceLocked
        "The device is being changed by another request."
        "Try again.";
    409_103 = DeviceJobAlreadyExists
        "The device has such a job already."
        "Wait for it, or cancel it.";
    409_104 = JobAlreadyExists
        "There is a job of that id."
        "Give the new one an id of its own.";
    409_301 = ModuleAlreadyExistsOnDevice
        "There is a module of that id on this device."
        "Use it, delete it first, or send its etag in `If-Match` to change it.";
    409_401 = ConfigurationAlreadyExists
        "There is a configuration of that id."
        "Use another id, or send the etag in `If-Match` to change it.";
    409_402 = ApplyConfigurationAlreadyInProgressOnDevice
        "A configuration is being applied to this device."
        "Wait until it is done.";
    409_501 = DigitalTwinModelAlreadyExists
        "There is a model of that id."
        "Give the new one a new version.";
    409_502 = DigitalTwinModelExistsWithOtherModelType
        "There is a model of that id and of another kind."
        "Use another id.";
    409_503 = InterfaceNameModelAlreadyExists
        "There is such a list of interface names."
        "Use it.";
    412_000 = GenericPreconditionFailed
        "A precondition of the request does not hold."
        "Read the present state, then decide again.";
    412_001 = PreconditionFailed
        "The thing was changed since its etag was read."
        "Read it again, make the change again, and send it with the new etag.";
    412_002 = DeviceMessageLockLost
        "A command was completed, abandoned or rejected after its lock had ended."
        "Settle within the lock's time, 60 seconds; the command is delivered again.";
    412_003 = JobRunPreconditionFailed
        "A job cannot be started as things are."
        "Read the state of the job.";
    412_004 = InflightMessagesInLink
        "A link is to be closed on which messages are under way."
        "Settle them first.";
    413_000 = GenericRequestEntityTooLarge
        "The body is too long."
        "Send less at a time.";
    413_001 = MessageTooLarge
        "The message is too long."
        "Telemetry may have 256 KiB, commands 64 KiB, method payloads 128 KiB, properties included.";
    413_002 = TooManyDevices
        "The hub is full, or one request names too many devices."
        "Delete devices, or send at most 100 in one bulk request.";
    413_003 = TooManyModulesOnDevice
        "The device has all the modules that it may have."
        "A device has at most 50; delete one.";
    413_101 = ConfigurationCountLimitExceeded
        "The hub has all the configurations that it may have."
        "Delete those that are done.";
    413_201 = DigitalTwinModelCountLimitExceeded
        "There are too many models."
        "Delete some.";
    413_202 = InterfaceNameCompressionModelCountLimitExceeded
        "There are too many lists of interface names."
        "Use fewer combinations of interfaces.";
    415_000 = GenericUnsupportedMediaType
        "The body is of a kind that is not read here."
        "Send `Content-Type: application/json; charset=utf-8`.";
    415_101 = IncompatibleDataType
        "A value has another type than the place it goes to."
        "Compare it with the reference of the service API.";
    429_000 = GenericTooManyRequests
        "Requests come faster than the hub takes them."
        "Wait, with a pause that doubles and is random in part.";
    429_001 = ThrottlingException
        "This operation comes faster than the hub's edition and units allow."
        "Wait, with a pause that doubles and is random in part; more units allow more.";
    429_002 = ThrottleBacklogLimitExceeded
        "So many requests are delayed already that this one is not taken."
        "Wait, with a pause that doubles and is random in part.";
    429_003 = ThrottlingBacklogTimeout
        "The request was delayed to keep to the limit, and then too old."
        "Wait, with a pause that doubles and is random in part.";
    429_004 = ThrottlingMaxActiveJobCountExceeded
        "All the jobs that may run at a time are running."
        "Wait for one to end.";
    429_005 = DeviceThrottlingLimitExceeded
        "This device asks more than one device may."
        "Have it ask less often.";
    499_000 = ClientClosedRequest
        "The caller went away before the answer."
        "Nothing, or give the caller more patience.";
    500_001 = ServerError
        "The hub has failed."
        "Try again; if it goes on, look for the tracking id in the hub's log.";
    500_002 = JobCancelled
        "The job was cancelled."
        "Start another if it is still wanted.";
    500_008 = GenericTimeout
        "Something within the hub took too long."
        "Try again after a pause.";
    500_009 = InvalidThrottleParameter
        "A limit of the hub has a value that makes no sense."
        "Ask the support of Azure, whose matter it is.";
    500_301 = ModelRepoEndpointError
        "The place where models are kept does not answer."
        "Try again later.";
    500_302 = ResolutionError
        "A model could not be put together from its parts."
        "Check that all the models it refers to can be found.";
    500_401 = UnableToFetchCredentials
        "The hub could not get its own credentials."
        "Try again later.";
    500_402 = UnableToFetchTenantInfo
        "The hub could not find out whom it belongs to."
        "Try again later.";
    500_403 = UnableToShareIdentity
        "The hub could not pass its identity on."
        "Try again later.";
    500_501 = UnableToExpandDiscoveryInfo
        "What a device says of its interfaces cannot be read."
        "Check what it announces.";
    500_502 = UnableToExpandComponentInfo
        "What a device says of its components cannot be read."
        "Check what it announces.";
    500_503 = UnableToCompressComponentInfo
        "What a device says of its components cannot be stored."
        "Check what it announces.";
    500_504 = UnableToCompressDiscoveryInfo
        "What a device says of its interfaces cannot be stored."
        "Check what it announces.";
    500_505 = OrphanDiscoveryDocument
        "What a device says of its interfaces belongs to nothing."
        "Check what it announces.";
    502_000 = GenericBadGateway
        "Something behind the hub, such as the device, gave an answer that makes no sense."
        "Look at what the device answers: method responses are JSON.";
    503_000 = GenericServiceUnavailable
        "The hub does not serve now."
        "Try again after a pause.";
    503_001 = ServiceUnavailable
        "The hub does not serve now."
        "Try again after a pause.";
    503_003 = PartitionNotFound
        "The part of the hub that has this device is not there now."
        "Try again after a pause.";
    503_004 = IotHubActivationFailed
        "The hub could not be started."
        "Try again later.";
    503_005 = ServerBusy
        "The hub has no time now."
        "Try again after a pause.";
    503_006 = IotHubRestoring
        "The hub is being restored."
        "Try again later.";
    503_008 = ReceiveLinkOpensThrottled
        "Too many links for receiving were opened at a time."
        "Open them more slowly.";
    503_101 = ConnectionUnavailable
        "The connection to the device cannot be used now."
        "Try again after a pause.";
    503_102 = DeviceUnavailable
        "The device cannot be reached now."
        "Try again when it is connected.";
    503_201 = ConfigurationNotAvailable
        "Configurations cannot be read now."
        "Try again after a pause.";
    503_202 = GroupNotAvailable
        "Groups cannot be read now."
        "Try again after a pause.";
    503_301 = HostingServiceNotAvailable
        "A part of the hub does not run now."
        "Try again after a pause.";
    504_000 = GenericGatewayTimeout
        "Something behind the hub, such as the device, did not answer in time."
        "Try again, or allow more time.";
    504_101 = GatewayTimeout
        "The device did not answer the method in time."
        "Allow more time with `responseTimeoutInSeconds`, and see that the device answers every method, also one that it does not know.";
}
