//! The bytes of files that devices upload, behind an interface that clients of Azure's storage know.
//!
//! Start at [`answer`], which serves it. [`Hub::open_blob`](iothub_hub::Hub::open_blob) has decided before any byte moves, and
//! is told of every file that is whole; [`Store`] has the bytes.

mod answer;
mod block_list;
mod headers;
mod range;
mod receiving;
mod sending;
mod store;

pub(crate) use answer::{answer, is_at, serve};
pub(crate) use store::Store;
