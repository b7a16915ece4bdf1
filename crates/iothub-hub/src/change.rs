use iothub_model::{ConfigurationContent, FeedbackRecord, FileNotification, JobProperties};
use serde::{Deserialize, Serialize};

use crate::authority::Authority;
use crate::commands::{DeadLetter, QueuedCommand};
use crate::configurations::{Assigned, KeptConfiguration};
use crate::consumer_group::{Checkpoint, ConsumerGroup};
use crate::jobs::JobStep;
use crate::pickup::KeptRecord;
use crate::policy::Policy;
use crate::provisioning::ProvisioningStep;
use crate::registry::{Key, Record};
use crate::restatement::Stated;
use crate::transfers::ImportProgress;
use crate::twin::TwinEdit;
use crate::uploads::{KeptBlob, KeptUpload};

/// One step of a hub's state, as it is recorded. Applying all of them in order gives the hub back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Change {
    /// A policy was made.
    PolicySet {
        /// Its name.
        name: String,
        /// Its rights and keys.
        policy: Policy,
    },
    /// A policy lets nobody in any longer.
    PolicyRemoved {
        /// Its name.
        name: String,
    },
    /// So many messages were counted on a day. Only a hub whose edition limits them counts.
    MessagesCounted {
        /// Days since 1970.
        day: u64,
        /// Messages since its beginning, by UTC.
        messages: u64,
    },
    /// A certificate authority was registered, or its certificate changed.
    AuthoritySet {
        /// Its name.
        name: String,
        /// Its certificate.
        authority: Authority,
    },
    /// A certificate authority is trusted no longer.
    AuthorityRemoved {
        /// Its name.
        name: String,
    },
    /// A device or module was created or changed.
    IdentitySet {
        /// Which one.
        key: Key,
        /// What the registry keeps of it.
        record: Box<Record>,
        /// When, in milliseconds since 1970.
        at_ms: u64,
    },
    /// A device or module was deleted, with its twin and queue. A device's modules are deleted before it.
    IdentityRemoved {
        /// Which one.
        key: Key,
    },
    /// A twin was changed.
    TwinEdited {
        /// Whose.
        key: Key,
        /// How.
        edit: TwinEdit,
        /// When, in milliseconds since 1970.
        at_ms: u64,
    },
    /// A command was taken in for a device.
    CommandQueued {
        /// For which one.
        key: Key,
        /// The command.
        command: QueuedCommand,
    },
    /// A device gave a command back, to have it delivered again.
    CommandAbandoned {
        /// Whose.
        key: Key,
        /// Its number.
        sequence: u64,
    },
    /// A back end is to be told what became of a command.
    FeedbackAdded {
        /// Numbers these, from 1.
        number: u64,
        /// What became of it.
        feedback: KeptRecord<FeedbackRecord>,
    },
    /// Back ends have read that, or nobody has in time.
    FeedbackRemoved {
        /// Which records.
        numbers: Vec<u64>,
    },
    /// A command came to nothing.
    DeadLettered {
        /// Numbers these, from 1.
        number: u64,
        /// The command, and why.
        letter: Box<DeadLetter>,
    },
    /// The commands that came to nothing for one device or module are forgotten.
    DeadLettersForgotten {
        /// Whose.
        key: Key,
    },
    /// A command was completed, rejected or abandoned too often, has expired, or was purged.
    CommandRemoved {
        /// Whose.
        key: Key,
        /// Its number.
        sequence: u64,
    },
    /// Something happened to a job.
    Job {
        /// The number of the job: they count in the order in which they were taken in.
        number: u64,
        /// What happened.
        step: JobStep,
    },
    /// Something happened to enrollments or registrations.
    Provisioning {
        /// What happened.
        step: ProvisioningStep,
    },
    /// An import or export began or ended, or is forgotten.
    Transfer {
        /// Numbers these.
        number: u64,
        /// What back ends are told of it.
        job: Option<Box<JobProperties>>,
    },
    /// Lines of an import were done, or it begins.
    ImportProgressed {
        /// The number of the import.
        number: u64,
        /// How far it is now.
        progress: Box<ImportProgress>,
    },
    /// From here on everything is stated anew, a part at a time, among other changes. Changes nothing.
    RestatementBegan,
    /// All there is of a device or module. Changes nothing in the hub that records it.
    IdentityStated {
        /// Which one.
        key: Key,
        /// All of it.
        entry: Box<Stated>,
    },
    /// A consumer group was made.
    ConsumerGroupSet {
        /// Its name.
        name: String,
        /// Its checkpoints.
        group: ConsumerGroup,
    },
    /// A consumer group was deleted, with its checkpoints.
    ConsumerGroupRemoved {
        /// Its name.
        name: String,
    },
    /// A consumer group has read a partition up to there, or is to have no checkpoint any longer.
    CheckpointSet {
        /// The name of the group.
        group: String,
        /// The number of the partition.
        partition: u8,
        /// The checkpoint.
        checkpoint: Option<Checkpoint>,
    },
    /// A configuration was made or changed.
    ConfigurationSet {
        /// Its name.
        id: String,
        /// All there is of it.
        configuration: Box<KeptConfiguration>,
    },
    /// A configuration was deleted; what it has set is still to be removed.
    ConfigurationRemoved {
        /// Its name.
        id: String,
    },
    /// A configuration was deleted some time ago, and what it has set is still to be removed.
    ConfigurationRetired {
        /// Its number.
        number: u64,
        /// What it has set.
        content: Box<ConfigurationContent>,
    },
    /// What a deleted configuration has set is removed everywhere.
    ConfigurationForgotten {
        /// Its number.
        number: u64,
    },
    /// Other configurations than before, or the same ones otherwise, target a device or module.
    ConfigurationsAssigned {
        /// Which one.
        key: Key,
        /// All of them.
        assigned: Assigned,
    },
    /// Events about connections may have numbers below this; after a restart they go on from there.
    PresenceNumbered {
        /// None has reached it.
        below: u64,
    },
    /// What is given to those who may have a file is signed with this key from now on.
    FileKeySet {
        /// In base64.
        key: String,
    },
    /// A device began to upload a file.
    UploadBegan {
        /// Names the upload.
        id: String,
        /// What it is.
        upload: KeptUpload,
        /// It had begun already, and is stated anew.
        #[serde(default, skip_serializing_if = "core::ops::Not::not")]
        is_restated: bool,
    },
    /// An upload ended, well or not.
    UploadEnded {
        /// Which one.
        id: String,
    },
    /// A file was written.
    BlobSet {
        /// Its name: `{device}/{name}`.
        name: String,
        /// What is kept of it.
        blob: Box<KeptBlob>,
        /// It was there already, and is stated anew.
        #[serde(default, skip_serializing_if = "core::ops::Not::not")]
        is_restated: bool,
    },
    /// A file was removed.
    BlobRemoved {
        /// Its name.
        name: String,
    },
    /// A back end is to be told of a file.
    FileNotificationAdded {
        /// Numbers these, from 1.
        number: u64,
        /// What it is told.
        notification: Box<KeptRecord<FileNotification>>,
    },
    /// Back ends have read that, or nobody has in time.
    FileNotificationsRemoved {
        /// Which of them.
        numbers: Vec<u64>,
    },
    /// Everything was stated anew: what was recorded before the last [`Self::RestatementBegan`] is of no use any longer.
    /// Changes nothing.
    RestatementEnded,
}
