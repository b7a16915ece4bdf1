//! Files that devices upload: what the hub decides about them, while somebody else has the bytes.
//!
//! A device asks for access ([`table`]), writes with that as with Azure's storage ([`door`]), and tells the end. Whoever has
//! the bytes asks [`Hub::open_blob`](crate::Hub::open_blob) before it moves any, and tells of what it has written by
//! [`Input::BlobWritten`](crate::Input::BlobWritten).

mod blobs;
mod door;
mod ending;
mod problem;
mod settings;
mod signature;
mod stating;
mod table;
mod writing;

pub(crate) use blobs::Blobs;
pub use blobs::KeptBlob;
pub use door::{BlobCondition, BlobDoor, BlobRequest};
pub use problem::{BlobProblem, BlobRefusal};
pub use settings::FileSettings;
pub(crate) use signature::Grant;
pub(crate) use stating::StatingUploads;
pub use table::KeptUpload;
pub(crate) use table::{Uploads, correlation_id, expiry_of};
pub use writing::{FileStep, WrittenBlob};

/// The container that all files are in: the first segment of their addresses.
pub const CONTAINER: &str = "iothub-files";
