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
        mut edit: impl FnMut(&Twin) -> Option<TwinPatch>,
    ) -> Result<Twin, Error> {
        self.in_time(async {
            let mut rounds = Rounds::default();
            loop {
                let twin = self.get_twin(of).await?;
                let Some(patch) = edit(&twin) else { return Ok(twin) };
                let condition = self.unchanged_since(twin.etag.as_ref())?;
                match self.update_twin(of, &patch, &condition).await {
                    Ok(twin) => return Ok(twin),
                    Err(error) => rounds.after(error).await?,
                }
            }
        })
        .await
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
        self.in_time(async {
            let mut rounds = Rounds::default();
            loop {
                let before = self.get_device(device).await?;
                let mut after = before.clone();
                edit(&mut after);
                if after == before {
                    return Ok(before);
                }
                let condition = self.unchanged_since(before.etag.as_ref())?;
                match self.update_device(&after, &condition).await {
                    Ok(device) => return Ok(device),
                    Err(error) => rounds.after(error).await?,
                }
            }
        })
        .await
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
        self.in_time(async {
            let mut rounds = Rounds::default();
            loop {
                let before = self.get_module(device, module).await?;
                let mut after = before.clone();
                edit(&mut after);
                if after == before {
                    return Ok(before);
                }
                let condition = self.unchanged_since(before.etag.as_ref())?;
                match self.update_module(&after, &condition).await {
                    Ok(module) => return Ok(module),
                    Err(error) => rounds.after(error).await?,
                }
            }
        })
        .await
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
        self.in_time(async {
            let mut rounds = Rounds::default();
            loop {
                let before = self.get_configuration(id).await?;
                let mut after = before.clone();
                edit(&mut after);
                if after == before {
                    return Ok(before);
                }
                let condition = self.unchanged_since(before.etag.as_ref())?;
                match self.update_configuration(&after, &condition).await {
                    Ok(configuration) => return Ok(configuration),
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
