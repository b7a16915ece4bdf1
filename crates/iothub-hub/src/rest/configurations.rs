//! Configurations, and what they would set, set at once.

use core::fmt::Display;
use std::collections::BTreeMap;

use iothub_model::{
    Configuration, ConfigurationContent, ConfigurationMetrics, ConfigurationQueries,
    ConfigurationQueryErrors, Date, ErrorCode, Etag, IfMatch, Update,
};
use iothub_proto::Now;
use iothub_query::{Collection, Condition, Query};

use crate::change::Change;
use crate::configurations::{
    Active, Configurations, Content, KeptConfiguration, Kind, METRICS_MAX, Unfit, collection,
};
use crate::effect::Effects;
use crate::hub::Hub;
use crate::input::RestRequest;
use crate::registry::{Key, Registry};
use crate::rest::path::Path;
use crate::rest::registration::{condition, json, other_etag};
use crate::rest::{Failure, Outcome};

/// Most labels of a configuration.
const LABELS_MAX: usize = 50;
/// Longest name of a label or a metric, and longest label, in bytes.
const NAME_MAX: usize = 128;
const LABEL_MAX: usize = 1024;
/// Longest version of a shape, in bytes.
const SCHEMA_VERSION_MAX: usize = 16;
/// Greatest priority: clients read it into 32 bits with a sign.
const PRIORITY_MAX: u32 = i32::MAX.unsigned_abs();

impl Hub {
    pub(super) fn list_configurations(&self, path: &Path) -> Result<Outcome, Failure> {
        let top = match path.parameter("top") {
            None => usize::MAX,
            Some(text) => text.parse().ok().filter(|top| *top > 0).ok_or_else(|| {
                Failure::new(ErrorCode::ArgumentInvalid, format!("top is {text:.64?}, and must be from 1 on"))
            })?,
        };
        let all = self.configurations.iter().take(top);
        let all: Vec<_> = all.map(|(id, active)| self.configuration(id, active)).collect();
        Ok(Outcome::json(200, &all, None))
    }

    pub(super) fn get_configuration(&self, id: &str, status: u16) -> Result<Outcome, Failure> {
        let active = self.configurations.get(id).ok_or_else(|| unknown(id))?;
        Ok(Outcome::json(status, &self.configuration(id, active), Some(&active.kept.etag)))
    }

    pub(super) fn put_configuration(
        &mut self,
        now: Now,
        id: &str,
        request: &RestRequest<'_>,
        effects: &mut Effects,
    ) -> Result<Outcome, Failure> {
        let asked: Configuration = json(request.body)?;
        if asked.id != id {
            let message = format!("id in the body is {:.128?}, and {id:?} in the path", asked.id);
            return Err(Failure::new(ErrorCode::ArgumentInvalid, message));
        }
        let condition = condition(request)?;
        let before = self.configurations.get(id).map(|active| active.kept.clone());
        match (&before, &condition) {
            (None, IfMatch::None) => self.has_place_for_another()?,
            (None, IfMatch::Any | IfMatch::Exactly(_)) => return Err(unknown(id)),
            (Some(_), IfMatch::None) => {
                let message = format!("There is a configuration {id} already; to change it, send If-Match.");
                return Err(Failure::new(ErrorCode::ConfigurationAlreadyExists, message));
            }
            (Some(kept), _) if !condition.is_met_by(&kept.etag) => return Err(other_etag(&kept.etag)),
            (Some(_), _) => {}
        }
        let kept = self.kept(now, asked, before.as_ref())?;
        let retargets = before.as_ref().is_none_or(|before| {
            (&before.target_condition, before.priority) != (&kept.target_condition, kept.priority)
        });
        self.record(Change::ConfigurationSet { id: id.into(), configuration: Box::new(kept) }, effects);
        if retargets {
            self.sweep_anew(now);
        }
        self.count_anew(now);
        self.get_configuration(id, if before.is_some() { 200 } else { 201 })
    }

    pub(super) fn delete_configuration(
        &mut self,
        now: Now,
        id: &str,
        request: &RestRequest<'_>,
        effects: &mut Effects,
    ) -> Result<Outcome, Failure> {
        let condition = condition(request)?;
        let etag = &self.configurations.get(id).ok_or_else(|| unknown(id))?.kept.etag;
        if !condition.is_met_by(etag) {
            return Err(other_etag(etag));
        }
        self.record(Change::ConfigurationRemoved { id: id.into() }, effects);
        self.sweep_anew(now);
        Ok(Outcome::empty(204))
    }

    /// Sets at once, and once only, what a configuration would: all of it or nothing.
    pub(super) fn apply_configuration_content(
        &mut self,
        now: Now,
        key: &Key,
        request: &RestRequest<'_>,
        effects: &mut Effects,
    ) -> Result<Outcome, Failure> {
        let content: ConfigurationContent = json(request.body)?;
        self.entry(key)?;
        let contents = Content::read_direct(&content).map_err(|unfit| bad_content(&unfit))?;
        let updates: Vec<(Key, Update)> = contents.iter().flat_map(|content| content.updates(key)).collect();
        let mut new_modules = 0;
        for (key, update) in &updates {
            match self.registry.get(key) {
                None => new_modules += 1,
                Some(entry) => {
                    let applied = entry.twin.desired().clone().apply(update.clone(), Date::NEVER);
                    applied.map_err(|violation| {
                        Failure::new(ErrorCode::InvalidConfigurationContent, format!("{key}: {violation}"))
                    })?;
                }
            }
        }
        if self.registry.modules(&key.device).count() + new_modules > Registry::MODULES_PER_DEVICE {
            let message = format!("a device has at most {} modules", Registry::MODULES_PER_DEVICE);
            return Err(Failure::new(ErrorCode::TooManyModulesOnDevice, message));
        }
        if self.registry.len() + new_modules > Registry::CAPACITY {
            let message = format!("this hub has room for {} devices and modules", Registry::CAPACITY);
            return Err(Failure::new(ErrorCode::TooManyDevices, message));
        }
        for (key, update) in updates {
            match &key.module {
                None => self.set_desired(now, &key, update, effects)?,
                Some(module) => self.set_in_module(now, &key.device, module, update, effects)?,
            }
            self.configure(now, &key, effects);
        }
        Ok(Outcome::empty(204))
    }

    fn has_place_for_another(&self) -> Result<(), Failure> {
        let max = self.config.edition.configurations();
        let message = if self.configurations.len() >= max {
            format!("this hub has at most {max} configurations")
        } else if self.configurations.retired_len() >= Configurations::RETIRED_MAX {
            format!(
                "what {} deleted configurations have set is still being removed",
                Configurations::RETIRED_MAX
            )
        } else {
            return Ok(());
        };
        Err(Failure::new(ErrorCode::ConfigurationCountLimitExceeded, message))
    }

    /// What is kept of what is asked for, if that is in order.
    fn kept(
        &mut self,
        now: Now,
        asked: Configuration,
        before: Option<&KeptConfiguration>,
    ) -> Result<KeptConfiguration, Failure> {
        let content = match before {
            // Some clients that change something else send none.
            Some(before) if asked.content == ConfigurationContent::default() => before.content.clone(),
            Some(before) if asked.content != before.content => {
                let message =
                    "The content of a configuration never changes: make another one, of a higher priority.";
                return Err(Failure::new(ErrorCode::CannotModifyImmutableConfigurationContent, message));
            }
            Some(_) | None => asked.content,
        };
        let kind = Content::read(&content).map_err(|unfit| bad_content(&unfit))?.kind();
        check_condition(&asked.target_condition, Some(kind))
            .map_err(|why| Failure::new(ErrorCode::InvalidConfigurationTargetCondition, why))?;
        check_metrics(&asked.metrics.queries)?;
        check_labels(&asked.labels)?;
        let schema_version = asked.schema_version.filter(|version| !version.is_empty());
        let schema_version = schema_version.unwrap_or_else(|| "1.0".into());
        if schema_version.len() > SCHEMA_VERSION_MAX {
            return Err(invalid(format!("schemaVersion has at most {SCHEMA_VERSION_MAX} bytes")));
        }
        if asked.priority > PRIORITY_MAX {
            return Err(invalid(format!("priority is at most {PRIORITY_MAX}")));
        }
        let now_ms = now.timestamp.as_millis();
        Ok(KeptConfiguration {
            number: before.map_or_else(|| self.configurations.next_number(), |before| before.number),
            etag: Etag::new(&self.source.identity_etag()).expect("base64 is fit for an etag"),
            schema_version,
            labels: asked.labels,
            content,
            target_condition: asked.target_condition,
            priority: asked.priority,
            queries: asked.metrics.queries,
            created_ms: before.map_or(now_ms, |before| before.created_ms),
            updated_ms: now_ms,
        })
    }

    fn configuration(&self, id: &str, active: &Active) -> Configuration {
        let kept = &active.kept;
        let counts = self.configurations.counts(kept.number);
        let found = |name: &String| active.results.get(name).copied().unwrap_or_default();
        let mut counted: BTreeMap<String, u64> =
            active.reports.keys().map(|name| (name.clone(), found(name))).collect();
        counted.extend([
            ("targetedCount".to_owned(), counts.targeted),
            ("appliedCount".to_owned(), counts.applied),
        ]);
        // A query that was not counted yet has no result.
        let results = kept.queries.keys().filter_map(|name| Some((name.clone(), *active.results.get(name)?)));
        Configuration {
            id: id.into(),
            schema_version: Some(kept.schema_version.clone()),
            labels: kept.labels.clone(),
            content: kept.content.clone(),
            content_type: Some("assignment".into()),
            target_condition: kept.target_condition.clone(),
            priority: kept.priority,
            created_time_utc: Date::from_millis(kept.created_ms),
            last_updated_time_utc: Date::from_millis(kept.updated_ms),
            system_metrics: ConfigurationMetrics { results: counted, queries: active.system_queries(id) },
            metrics: ConfigurationMetrics { results: results.collect(), queries: kept.queries.clone() },
            etag: Some(kept.etag.clone()),
        }
    }
}

/// Says what is wrong with a condition and queries.
pub(super) fn test_queries(request: &RestRequest<'_>) -> Result<Outcome, Failure> {
    let asked: ConfigurationQueries = json(request.body)?;
    if asked.custom_metric_queries.len() > METRICS_MAX {
        return Err(too_many_metrics());
    }
    let errors = asked.custom_metric_queries.iter().filter_map(|(name, query)| {
        let name: String = name.chars().take(NAME_MAX).collect();
        Some((name, check_metric(query).err()?))
    });
    let errors = ConfigurationQueryErrors {
        target_condition_error: check_condition(&asked.target_condition, None).err().unwrap_or_default(),
        custom_metric_query_errors: errors.collect(),
    };
    Ok(Outcome::json(200, &errors, None))
}

/// Accepts what may name a configuration.
pub(super) fn id(text: &str) -> Result<String, Failure> {
    let fit = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-+%_*!'.:".contains(&b);
    if text.bytes().all(fit) && (1..=Configurations::ID_MAX).contains(&text.len()) {
        return Ok(text.into());
    }
    let max = Configurations::ID_MAX;
    Err(invalid(format!(
        "the id of a configuration has 1 to {max} lower-case letters, digits and characters of - + % _ * ! ' . :"
    )))
}

/// Whether that can say whom a configuration is for, of that kind if it is known.
fn check_condition(text: &str, kind: Option<Kind>) -> Result<(), String> {
    if text.trim().is_empty() {
        return Ok(());
    }
    let (from, _) = Condition::of_targets(text).map_err(|error| error.to_string())?;
    match (from, kind.map(collection)) {
        (Collection::Jobs, _) => Err("a configuration is for devices or modules, not for jobs".into()),
        (Collection::Devices, Some(Collection::Modules)) => {
            Err("a condition for moduleContent begins with FROM devices.modules WHERE".into())
        }
        (Collection::Modules, Some(Collection::Devices)) => {
            Err("only moduleContent is for what a condition FROM devices.modules names".into())
        }
        (Collection::Devices | Collection::Modules, _) => Ok(()),
    }
}

fn check_metrics(queries: &BTreeMap<String, String>) -> Result<(), Failure> {
    if queries.len() > METRICS_MAX {
        return Err(too_many_metrics());
    }
    for (name, query) in queries {
        check_name("a metric", name)?;
        check_metric(query).map_err(|why| {
            Failure::new(ErrorCode::InvalidConfigurationCustomMetricsQuery, format!("{name}: {why}"))
        })?;
    }
    Ok(())
}

fn check_metric(text: &str) -> Result<(), String> {
    let query = Query::parse(text).map_err(|error| error.to_string())?;
    match query.from {
        Collection::Jobs => Err("a metric counts devices or modules, not jobs".into()),
        Collection::Devices | Collection::Modules if query.is_grouped() => {
            Err("a metric is the count of the rows: select deviceId, without aggregates and GROUP BY".into())
        }
        Collection::Devices | Collection::Modules => Ok(()),
    }
}

fn check_labels(labels: &BTreeMap<String, String>) -> Result<(), Failure> {
    if labels.len() > LABELS_MAX {
        return Err(invalid(format!("a configuration has at most {LABELS_MAX} labels")));
    }
    for (name, label) in labels {
        check_name("a label", name)?;
        if label.len() > LABEL_MAX {
            return Err(invalid(format!("label {name}: at most {LABEL_MAX} bytes are taken")));
        }
    }
    Ok(())
}

fn check_name(of: impl Display, name: &str) -> Result<(), Failure> {
    if (1..=NAME_MAX).contains(&name.len()) {
        return Ok(());
    }
    Err(invalid(format!("the name of {of} has 1 to {NAME_MAX} bytes")))
}

fn too_many_metrics() -> Failure {
    let message = format!("a configuration has at most {METRICS_MAX} metrics");
    Failure::new(ErrorCode::InvalidConfigurationCustomMetricsQuery, message)
}

fn bad_content(unfit: &Unfit) -> Failure {
    Failure::new(ErrorCode::InvalidConfigurationContent, format!("content: {unfit}"))
}

fn unknown(id: &str) -> Failure {
    Failure::new(ErrorCode::ConfigurationNotFound, format!("There is no configuration {id}."))
}

fn invalid(message: String) -> Failure {
    Failure::new(ErrorCode::ArgumentInvalid, message)
}
