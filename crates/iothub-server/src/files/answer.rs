use core::net::SocketAddr;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http_body_util::{Either, Full, StreamBody};
use hyper::body::Incoming;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Request, Response};
use iothub_hub::{
    BlobDoor, BlobProblem, BlobRefusal, BlobRequest, CONTAINER, FileStep, Input, KeptBlob, WrittenBlob,
};

use super::block_list::{self, Among};
use super::range::{Unsatisfiable, wanted};
use super::receiving::{Received, announced, ended, receive, unwritable};
use super::store::{BlockId, Piece, Store, Whole, device_of};
use super::{headers, sending};
use crate::http::{Body, Exchange, Guest, Head, leave_unread, whole};
use crate::shared::Shared;

/// Whether that is the address of a file.
pub(crate) fn is_at(path: &str) -> bool {
    let rest = path.trim_start_matches('/').strip_prefix(CONTAINER);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Does with the bytes of files what the hub says, for as long as it can go on.
pub(crate) async fn serve(shared: &Shared) {
    let orders = shared.driver.carrier().file_orders();
    let (Some(mut orders), Some(store)) = (orders, &shared.files) else {
        return core::future::pending().await;
    };
    while let Some(step) = orders.recv().await {
        let store = Arc::clone(store);
        let performed = tokio::task::spawn_blocking(move || store.perform(&step)).await;
        if let Ok(Err(error)) = performed {
            tracing::warn!(%error, "a file of a device is left behind");
        }
    }
}

/// Answers a request about a file.
pub(crate) async fn answer(
    request: Request<Incoming>,
    peer: SocketAddr,
    guest: &Guest,
    shared: &Arc<Shared>,
) -> Response<Body> {
    let (head, mut body) = request.into_parts();
    let began = shared.driver.clock().now().instant;
    let outcome = match open(&head, shared) {
        Ok((door, store)) => {
            // Whoever has a signature of the hub's is no stranger.
            drop(guest.stranger());
            let desk = Desk { head: &head, door, store, shared };
            desk.serve(&mut body).await
        }
        Err(refusal) => Err(refusal),
    };
    let mut response = match outcome {
        Ok(response) => response,
        Err(refusal) => {
            let mut id = [0; 8];
            // Without chance the id is of no use to whoever looks for it, and everything else still holds.
            let _ = getrandom::fill(&mut id);
            let id = format!("{:016x}", u64::from_be_bytes(id));
            tracing::warn!(%peer, method = %head.method, path = head.uri.path(), %refusal, id, "file request refused");
            whole(refusal.response(&id), &shared.driver)
        }
    };
    if response.status().is_client_error() || response.status().is_server_error() {
        response = leave_unread(response, &head, body, shared);
    }
    let took = shared.driver.clock().now().instant.since(began);
    shared.driver.metrics().responded(head.method.as_str(), response.status().as_u16(), took);
    label(response.headers_mut(), &head.headers);
    response
}

fn open(head: &Head, shared: &Shared) -> Result<(BlobDoor, Arc<Store>), BlobRefusal> {
    let request =
        BlobRequest { method: head.method.as_str(), path: head.uri.path(), query: head.uri.query() };
    let hub = shared.driver.enter().map_err(|_| ended())?;
    let door = hub.open_blob(&request)?;
    drop(hub);
    let store = shared.files.as_ref().ok_or_else(ended)?;
    Ok((door, Arc::clone(store)))
}

/// What every response has.
fn label(headers: &mut HeaderMap, asked: &HeaderMap) {
    for name in ["x-ms-version", "x-ms-client-request-id"] {
        if let Some(value) = asked.get(name).filter(|value| value.len() <= ECHOED_MAX) {
            headers.insert(HeaderName::from_static(name), value.clone());
        }
    }
    // What devices upload is shown by no browser as if it were the hub's.
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox"));
}

/// One request that the hub has let pass.
struct Desk<'a> {
    head: &'a Head,
    door: BlobDoor,
    store: Arc<Store>,
    shared: &'a Arc<Shared>,
}

impl Desk<'_> {
    async fn serve(self, body: &mut Incoming) -> Result<Response<Body>, BlobRefusal> {
        let component = self.door.parameter("comp").unwrap_or_default().to_ascii_lowercase();
        match (self.head.method.as_str(), component.as_str()) {
            ("PUT", "") => self.put(body).await,
            ("PUT", "block") => self.put_block(body).await,
            ("PUT", "blocklist") => self.put_block_list(body).await,
            ("GET", "blocklist") => self.get_block_list().await,
            ("GET", "") => self.get().await,
            ("HEAD", "") | ("GET" | "HEAD", "metadata") => self.get_properties(),
            ("DELETE", "") => self.delete().await,
            (method, component) => {
                let why = format!("{method} with comp={component:.32} is not served");
                Err(BlobRefusal::new(BlobProblem::InvalidQueryParameterValue, why))
            }
        }
    }

    /// Put Blob.
    async fn put(&self, body: &mut Incoming) -> Result<Response<Body>, BlobRefusal> {
        let asked = &self.head.headers;
        match headers::text(asked, "x-ms-blob-type")? {
            Some("BlockBlob") => {}
            Some(other) => {
                let why = format!("x-ms-blob-type is {other:.32}, and BlockBlob alone is served");
                return Err(BlobRefusal::new(BlobProblem::InvalidHeaderValue, why));
            }
            None => {
                let why = "x-ms-blob-type is missing: BlockBlob";
                return Err(BlobRefusal::new(BlobProblem::MissingRequiredHeader, why));
            }
        }
        if asked.contains_key("x-ms-copy-source") {
            let why = "x-ms-copy-source is not served";
            return Err(BlobRefusal::new(BlobProblem::InvalidHeaderValue, why));
        }
        let (mut said, condition) = (headers::said(asked)?, self.condition()?);
        let len = announced(body, self.door.len_max)?;
        let _room = self.reserve(len, 0)?;
        let md5 = headers::md5(asked)?;
        let received = self.receive(body, (len, md5)).await?;
        said.entry("content-md5".into()).or_insert_with(|| STANDARD.encode(received.md5));
        let (store, md5) = (Arc::clone(&self.store), STANDARD.encode(received.md5));
        let whole = blocking(move || store.keep(received.unfinished, received.file)).await?;
        let mut response = self.written(whole, len, said, condition).await;
        insert(response.headers_mut(), "content-md5", &md5);
        Ok(response)
    }

    /// Put Block.
    async fn put_block(&self, body: &mut Incoming) -> Result<Response<Body>, BlobRefusal> {
        let id = block_list::block_id(self.door.parameter("blockid").unwrap_or_default())?;
        let others = self.store.beside(&self.door.name, &id);
        if others.count >= Store::PARTS_MAX {
            let why = format!("a file has at most {} parts here", Store::PARTS_MAX);
            return Err(BlobRefusal::new(BlobProblem::BlockCountExceedsLimit, why));
        }
        let len = announced(body, self.door.len_max.saturating_sub(others.len))?;
        let _room = self.reserve(len, others.replaced.unwrap_or_default())?;
        let md5 = headers::md5(&self.head.headers)?;
        let received = self.receive(body, (len, md5)).await?;
        let (shared, store, name) =
            (Arc::clone(self.shared), Arc::clone(&self.store), self.door.name.clone());
        blocking(move || {
            store.keep_part(received.unfinished, (&name, id, len))?;
            // Its upload may have ended meanwhile, and all parts were dropped: all but this one.
            match shared.driver.enter() {
                Ok(hub) if !hub.is_being_written(&name) => {
                    drop(hub);
                    store.perform(&FileStep::DropParts { name })
                }
                // A hub that ends looks when it begins again.
                Ok(_) | Err(_) => Ok(()),
            }
        })
        .await?;
        let mut response = empty(201);
        insert(response.headers_mut(), "content-md5", &STANDARD.encode(received.md5));
        Ok(response)
    }

    /// Writes the body down, as long as the access lasts.
    async fn receive(
        &self,
        body: &mut Incoming,
        expected: (u64, Option<[u8; 16]>),
    ) -> Result<Received, BlobRefusal> {
        let patience = self.shared.limits.request;
        let received = receive(&self.store, body, expected, patience);
        let late = |_| BlobRefusal::new(BlobProblem::IncompleteBody, "the access ended before the body did");
        tokio::time::timeout(self.door.ends_in, received).await.map_err(late)?
    }

    /// Put Block List.
    async fn put_block_list(&self, body: &mut Incoming) -> Result<Response<Body>, BlobRefusal> {
        let (said, condition) = (headers::said_of_blob(&self.head.headers)?, self.condition()?);
        let unreadable = |(_, why): (_, &str)| BlobRefusal::new(BlobProblem::InvalidXmlDocument, why);
        let bytes = self.shared.bodies().read(body, self.shared.limits.request).await.map_err(unreadable)?;
        let md5 = headers::md5(&self.head.headers)?;
        if md5.is_some_and(|md5| md5 != <[u8; 16]>::from(<md5::Md5 as md5::Digest>::digest(&bytes.bytes))) {
            let why = "what came is not what Content-MD5 says";
            return Err(BlobRefusal::new(BlobProblem::Md5Mismatch, why));
        }
        let wanted = block_list::read(&bytes.bytes)?;
        drop(bytes);
        let pieces = self.find(wanted).await?;
        let len: u64 = pieces.iter().map(|piece| piece.len).sum();
        if len > self.door.len_max {
            let why = format!("it has {len} bytes, and there is room for {} at most", self.door.len_max);
            return Err(BlobRefusal::new(BlobProblem::RequestBodyTooLarge, why));
        }
        // Parts and file are on the disk together, and each counts once.
        let sent =
            pieces.iter().filter(|piece| piece.among == Among::Uncommitted).map(|piece| piece.len).sum();
        let _room = self.reserve(len, sent)?;
        let store = Arc::clone(&self.store);
        let assembled = tokio::task::spawn_blocking(move || store.assemble(&pieces)).await;
        let whole = match assembled.map_err(|_| ended())? {
            Ok(whole) => whole,
            // They were dropped while they were put together.
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::UnexpectedEof) => {
                return Err(missing());
            }
            Err(error) => return Err(unwritable(&error)),
        };
        let response = self.written(whole, len, said, condition).await;
        if response.status().is_success() {
            let (store, name) = (Arc::clone(&self.store), self.door.name.clone());
            blocking(move || store.perform(&FileStep::DropParts { name })).await?;
        }
        Ok(response)
    }

    /// Where the parts are of which a file is to be made.
    async fn find(&self, wanted: Vec<(Among, BlockId)>) -> Result<Vec<Piece>, BlobRefusal> {
        let uncommitted = self.store.parts(&self.door.name);
        let committed = self.committed().await?;
        let mut begin = 0;
        let mut places = std::collections::BTreeMap::new();
        if let Some(kept) = &self.door.kept {
            for (id, len) in committed {
                places.insert(id, (self.store.path(&kept.file), begin, len));
                begin += len;
            }
        }
        let piece = |among: Among, id: BlockId| {
            let sent = || {
                let len = *uncommitted.get(&id)?;
                let path = self.store.part(&self.door.name, &id);
                Some(Piece { among: Among::Uncommitted, id: id.clone(), path, begin: 0, len })
            };
            let kept = || {
                let (path, begin, len): &(PathBuf, u64, u64) = places.get(&id)?;
                let (path, begin, len) = (path.clone(), *begin, *len);
                Some(Piece { among: Among::Committed, id: id.clone(), path, begin, len })
            };
            let found = match among {
                Among::Uncommitted => sent(),
                Among::Committed => kept(),
                Among::Latest => sent().or_else(kept),
            };
            found.ok_or_else(missing)
        };
        wanted.into_iter().map(|(among, id)| piece(among, id)).collect()
    }

    /// Get Block List.
    async fn get_block_list(&self) -> Result<Response<Body>, BlobRefusal> {
        let kind = self.door.parameter("blocklisttype").unwrap_or("committed").to_ascii_lowercase();
        let (of_file, of_parts) = match kind.as_str() {
            "committed" => (true, false),
            "uncommitted" => (false, true),
            "all" => (true, true),
            _ => {
                let why = "blocklisttype is committed, uncommitted or all";
                return Err(BlobRefusal::new(BlobProblem::InvalidQueryParameterValue, why));
            }
        };
        let parts: Vec<(BlockId, u64)> = self.store.parts(&self.door.name).into_iter().collect();
        if self.door.kept.is_none() && parts.is_empty() {
            return Err(not_found());
        }
        let committed = self.committed().await?;
        let text = block_list::write(of_file.then_some(&committed[..]), of_parts.then_some(&parts[..]));
        let mut response = Response::new(Either::Left(Full::from(text)));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/xml"));
        if let Some(kept) = &self.door.kept {
            mark(headers, kept);
            insert(headers, "x-ms-blob-content-length", &kept.len.to_string());
        }
        Ok(response)
    }

    async fn committed(&self) -> Result<Vec<(BlockId, u64)>, BlobRefusal> {
        let Some(kept) = &self.door.kept else { return Ok(Vec::new()) };
        let (store, file) = (Arc::clone(&self.store), kept.file.clone());
        blocking(move || store.list(&file)).await
    }

    /// Get Blob.
    async fn get(&self) -> Result<Response<Body>, BlobRefusal> {
        let kept = self.kept()?;
        let asked = &self.head.headers;
        if asked.get("x-ms-range-get-content-md5").is_some_and(|value| value == "true") {
            let why = "x-ms-range-get-content-md5 is not served";
            return Err(BlobRefusal::new(BlobProblem::InvalidHeaderValue, why));
        }
        let range = headers::text(asked, "x-ms-range")?;
        let range = match range {
            Some(range) => Some(range),
            None => headers::text(asked, "range")?,
        };
        let range = match wanted(range, kept.len) {
            Ok(range) => range,
            Err(Unsatisfiable) => {
                let refusal = BlobRefusal::new(BlobProblem::InvalidRange, "the file ends before that");
                let mut response = whole(refusal.response(""), &self.shared.driver);
                insert(response.headers_mut(), "content-range", &format!("bytes */{}", kept.len));
                return Ok(response);
            }
        };
        let file = tokio::fs::File::open(self.store.path(&kept.file)).await;
        let file = file.map_err(|error| {
            if error.kind() == io::ErrorKind::NotFound {
                return BlobRefusal::new(BlobProblem::ServerBusy, "the file is being replaced: try again");
            }
            unwritable(&error)
        })?;
        let part = range.clone().unwrap_or(0..kept.len);
        let len = part.end - part.start;
        let pieces = sending::pieces(file, part.clone()).await.map_err(|error| unwritable(&error))?;
        let mut response = Response::new(Either::Right(StreamBody::new(Box::pin(pieces) as _)));
        let headers = response.headers_mut();
        describe(headers, kept);
        insert(headers, "content-length", &len.to_string());
        if range.is_some() {
            // That of the whole is not that of a part.
            if let Some(md5) = headers.remove("content-md5") {
                headers.insert(HeaderName::from_static("x-ms-blob-content-md5"), md5);
            }
            let (first, last) = (part.start, part.end.saturating_sub(1));
            insert(headers, "content-range", &format!("bytes {first}-{last}/{}", kept.len));
            *response.status_mut() = hyper::StatusCode::PARTIAL_CONTENT;
        }
        Ok(response)
    }

    /// Get Blob Properties, and Metadata.
    fn get_properties(&self) -> Result<Response<Body>, BlobRefusal> {
        let kept = self.kept()?;
        let mut response = empty(200);
        describe(response.headers_mut(), kept);
        if self.head.method == hyper::Method::HEAD {
            insert(response.headers_mut(), "content-length", &kept.len.to_string());
        }
        Ok(response)
    }

    /// Delete Blob.
    async fn delete(&self) -> Result<Response<Body>, BlobRefusal> {
        let condition = headers::condition(&self.head.headers)?;
        Ok(self.tell(|exchange| Input::BlobUnwanted { exchange, name: &self.door.name, condition }).await)
    }

    fn kept(&self) -> Result<&KeptBlob, BlobRefusal> {
        let kept = self.door.kept.as_ref().ok_or_else(not_found)?;
        match headers::condition(&self.head.headers)?.problem(Some(kept)) {
            Some(problem) => Err(BlobRefusal::new(problem, "the condition does not hold")),
            None => Ok(kept),
        }
    }

    fn condition(&self) -> Result<iothub_hub::BlobCondition, BlobRefusal> {
        let condition = headers::condition(&self.head.headers)?;
        match condition.problem(self.door.kept.as_ref()) {
            Some(problem) => Err(BlobRefusal::new(problem, "the file that is there is not to be replaced")),
            None => Ok(condition),
        }
    }

    fn reserve(&self, len: u64, replaced: u64) -> Result<super::store::Reserved, BlobRefusal> {
        let device = device_of(&self.door.name);
        self.store.reserve((len, replaced), device, (self.door.staged_max, self.door.device_staged_max))
    }

    /// Tells the hub of a file that is whole, and gives its answer.
    async fn written(
        &self,
        whole: Whole,
        len: u64,
        headers: std::collections::BTreeMap<String, String>,
        condition: iothub_hub::BlobCondition,
    ) -> Response<Body> {
        let name = self.door.name.clone();
        self.tell(|exchange| {
            let blob = WrittenBlob { name, file: whole.known(), len, headers, condition };
            Input::BlobWritten { exchange, blob }
        })
        .await
    }

    async fn tell<'i>(&self, input: impl FnOnce(iothub_hub::ExchangeId) -> Input<'i>) -> Response<Body> {
        let driver = &self.shared.driver;
        let (exchange, answer) = Exchange::begin(driver);
        match driver.enter() {
            Ok(mut hub) => hub.handle(input(exchange.id())),
            Err(_) => driver.carrier().expect_no_longer(exchange.id()),
        }
        exchange.answered(answer).await
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, BlobRefusal> {
    let done = tokio::task::spawn_blocking(work).await.map_err(|_| ended())?;
    done.map_err(|error| unwritable(&error))
}

fn empty(status: u16) -> Response<Body> {
    let mut response = Response::new(Either::Left(Full::default()));
    if let Ok(status) = hyper::StatusCode::from_u16(status) {
        *response.status_mut() = status;
    }
    response
}

/// What is told of a file besides its content.
fn describe(headers: &mut HeaderMap, kept: &KeptBlob) {
    for (name, value) in &kept.headers {
        insert(headers, name, value);
    }
    if !kept.headers.contains_key("content-type") {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    }
    mark(headers, kept);
    for (name, value) in [
        ("accept-ranges", "bytes"),
        ("x-ms-blob-type", "BlockBlob"),
        ("x-ms-lease-status", "unlocked"),
        ("x-ms-lease-state", "available"),
    ] {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
}

fn mark(headers: &mut HeaderMap, kept: &KeptBlob) {
    for (name, value) in kept.mark() {
        insert(headers, &name, &value);
    }
}

/// What came as a header can be one again.
fn insert(headers: &mut HeaderMap, name: &str, value: &str) {
    if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
        headers.insert(name, value);
    }
}

fn not_found() -> BlobRefusal {
    BlobRefusal::new(BlobProblem::BlobNotFound, "there is no such file")
}

fn missing() -> BlobRefusal {
    BlobRefusal::new(
        BlobProblem::InvalidBlockList,
        "a part of the list was not sent, or is gone: send it again",
    )
}

/// Longest header that is said back, in bytes.
const ECHOED_MAX: usize = 1024;
