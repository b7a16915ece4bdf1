use core::time::Duration;

use iothub_codec::{DeviceId, Identity, ModuleId};
use iothub_model::{Configuration, Device, Etag, IfMatch, Module, Twin, TwinPatch};

use crate::retry::chance;
use crate::{Backoff, Error, Service, clock};

/// # Changes that several back ends make at a time
///
/// Each of these reads, has `edit` say what is to be changed, and writes on the condition that nobody has changed it in
/// between; otherwise it begins anew, up to [`Self::EDIT_ROUNDS_MAX`] times. `edit` may run as often, and each time sees
/// what there is then. All rounds together have the deadline of one call.
impl Service {
    /// How often an edit is tried before the last refusal is given.
    pub const EDIT_ROUNDS_MAX: u32 = 10;

    /// Changes a twin by the patch that `edit` makes of it, and gives the result. With `None` nothing is written.
    ///
    /// ```no_run
    /// # use iothub_codec::Identity;
    /// # use iothub_model::{Patch, TwinPatch};
    /// # async fn count(service: &iothub_service::Service, pump: Identity<'_>) -> Result<(), iothub_service::Error> {
    /// service.edit_twin(pump, |twin| {
    ///     let visits = twin.tags.get("visits").and_then(|visits| visits.as_u64()).unwrap_or(0);
    ///     let tags = [("visits".to_owned(), (visits + 1).into())].into_iter().collect();
    ///     Some(TwinPatch { tags: Patch::Value(tags), ..TwinPatch::default() })
    /// }).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`Self::get_twin`] and [`Self::update_twin`].
    pub async fn edit_twin(
        &self,
        of: Identity<'_>,
        edit: impl FnMut(&Twin) -> Option<TwinPatch>,
    ) -> Result<Twin, Error> {
        let get = || self.get_twin(of);
        let update =
            |patch: TwinPatch, condition| async move { self.update_twin(of, &patch, &condition).await };
        self.edit(get, edit, |twin| twin.etag.as_ref(), update).await
    }

    /// Changes what stands about a device in the registry, and gives it as it then stands. If `edit` changes nothing,
    /// nothing is written.
    ///
    /// # Errors
    ///
    /// As for [`Self::get_device`] and [`Self::update_device`].
    pub async fn edit_device(
        &self,
        device: DeviceId<'_>,
        mut edit: impl FnMut(&mut Device),
    ) -> Result<Device, Error> {
        let get = || self.get_device(device);
        let update = |device: Device, condition| async move { self.update_device(&device, &condition).await };
        self.edit(get, |before| changed(before, &mut edit), |device| device.etag.as_ref(), update).await
    }

    /// The same with a module.
    ///
    /// # Errors
    ///
    /// As for [`Self::get_module`] and [`Self::update_module`].
    pub async fn edit_module(
        &self,
        device: DeviceId<'_>,
        module: ModuleId<'_>,
        mut edit: impl FnMut(&mut Module),
    ) -> Result<Module, Error> {
        let get = || self.get_module(device, module);
        let update = |module: Module, condition| async move { self.update_module(&module, &condition).await };
        self.edit(get, |before| changed(before, &mut edit), |module| module.etag.as_ref(), update).await
    }

    /// The same with a configuration.
    ///
    /// # Errors
    ///
    /// As for [`Self::get_configuration`] and [`Self::update_configuration`].
    pub async fn edit_configuration(
        &self,
        id: &str,
        mut edit: impl FnMut(&mut Configuration),
    ) -> Result<Configuration, Error> {
        let get = || self.get_configuration(id);
        let update = async |configuration: Configuration, condition| {
            self.update_configuration(&configuration, &condition).await
        };
        self.edit(
            get,
            |before| changed(before, &mut edit),
            |configuration| configuration.etag.as_ref(),
            update,
        )
        .await
    }

    /// Writes what `change` makes of what `get` finds, on the condition that it is still that.
    async fn edit<T, C, G, U>(
        &self,
        get: impl Fn() -> G,
        mut change: impl FnMut(&T) -> Option<C>,
        etag: impl Fn(&T) -> Option<&Etag>,
        update: impl Fn(C, IfMatch) -> U,
    ) -> Result<T, Error>
    where
        G: Future<Output = Result<T, Error>>,
        U: Future<Output = Result<T, Error>>,
    {
        self.in_time(async {
            let mut rounds = Rounds::default();
            loop {
                let before = get().await?;
                let Some(change) = change(&before) else { return Ok(before) };
                match update(change, self.unchanged_since(etag(&before))?).await {
                    Ok(after) => return Ok(after),
                    Err(error) => rounds.after(error).await?,
                }
            }
        })
        .await
    }

    async fn in_time<T>(&self, call: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let after = self.usual_deadline();
        match tokio::time::timeout_at(clock::later(after), call).await {
            Ok(result) => result,
            Err(_) => Err(Error::TimedOut { host: self.reached(), after }),
        }
    }

    fn unchanged_since(&self, etag: Option<&Etag>) -> Result<IfMatch, Error> {
        match etag {
            Some(etag) => Ok(IfMatch::Exactly(etag.clone())),
            // To write without a condition would undo what others do.
            None => Err(self.unreadable("there is no etag in it".into())),
        }
    }
}

/// What `edit` makes of it, if that is something else.
fn changed<T: Clone + PartialEq>(before: &T, edit: &mut impl FnMut(&mut T)) -> Option<T> {
    let mut after = before.clone();
    edit(&mut after);
    (after != *before).then_some(after)
}

/// How often somebody else was faster.
#[derive(Default)]
struct Rounds(u32);

impl Rounds {
    /// Those who got into each other's way do not come back at the same time.
    const PAUSES: Backoff = Backoff {
        attempts_max: Service::EDIT_ROUNDS_MAX,
        first: Duration::from_millis(50),
        longest: Duration::from_secs(2),
    };

    /// Waits until it is time for another round, unless this is no conflict, or the last one.
    async fn after(&mut self, error: Error) -> Result<(), Error> {
        self.0 += 1;
        if error.status() != Some(412) || self.0 >= Self::PAUSES.attempts_max {
            return Err(error);
        }
        tokio::time::sleep(Self::PAUSES.shortened(self.0, chance())).await;
        Ok(())
    }
}
