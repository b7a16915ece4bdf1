use clap::Args;
use iothub_model::{Attestation, AttestationType, EnrollmentTerms, IfMatch};
use iothub_service::{Error, Service};
use serde::Serialize;

use super::terms::{ProofArguments, TermsArguments, Whose};
use crate::condition::condition;
use crate::failure::Failure;
use crate::hub::Hub;
use crate::login::HubArguments;
use crate::named::Named;
use crate::output::Output;
use crate::table;

/// One device, or a group of them, that may register. What is said and done here is the same for both.
pub(crate) trait Enrolled: Sized + Serialize {
    /// Says which one.
    type Name: Named;
    /// Says of it what is not said of the other.
    type Particulars: Particulars<Self>;
    const WHOSE: Whose;
    /// The help of `--attestation-type`.
    const ATTESTATION_TYPE: &'static str;

    /// One that nothing is said of yet.
    fn named(id: &str) -> Self;
    fn terms(&mut self) -> &mut EnrollmentTerms;
    /// What people see of it.
    fn fields(&self, show_keys: bool) -> Vec<(&'static str, String)>;
}

/// What only one kind of them has.
pub(crate) trait Particulars<E>: Args {
    fn is_nothing(&self) -> bool;
    /// What is not said stays as it is.
    fn apply_to(&self, enrolled: &mut E) -> Result<(), Failure>;
}

#[derive(Args)]
pub(crate) struct CreateArguments<E: Enrolled> {
    #[command(flatten)]
    name: E::Name,
    #[arg(long, visible_alias = "at", value_name = "TYPE", help = E::ATTESTATION_TYPE)]
    attestation_type: Option<AttestationName>,
    #[command(flatten)]
    proof: ProofArguments,
    #[command(flatten)]
    particulars: E::Particulars,
    #[command(flatten)]
    terms: TermsArguments,
    /// Show its keys
    #[arg(long, visible_alias = "keys")]
    show_keys: bool,
    #[command(flatten)]
    hub: HubArguments,
}

/// As the Azure CLI calls them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
#[value(rename_all = "camelCase")]
pub(crate) enum AttestationName {
    /// By a key
    SymmetricKey,
    /// By a certificate
    X509,
}

#[derive(Args)]
pub(crate) struct ShowArguments<E: Enrolled> {
    #[command(flatten)]
    name: E::Name,
    /// Show its keys
    #[arg(long, visible_alias = "keys")]
    show_keys: bool,
    #[command(flatten)]
    hub: HubArguments,
}

#[derive(Args)]
pub(crate) struct UpdateArguments<E: Enrolled> {
    #[command(flatten)]
    name: E::Name,
    #[command(flatten)]
    proof: ProofArguments,
    #[command(flatten)]
    particulars: E::Particulars,
    #[command(flatten)]
    terms: TermsArguments,
    #[arg(long, short = 'e', visible_alias = "etag", value_name = "ETAG", value_parser = condition, help = E::Name::CONDITION)]
    if_match: Option<IfMatch>,
    #[command(flatten)]
    hub: HubArguments,
}

pub(super) async fn create<E: Enrolled>(
    arguments: &CreateArguments<E>,
    output: &mut Output,
    create: impl AsyncFnOnce(&Service, &E) -> Result<E, Error>,
) -> Result<(), Failure> {
    let mut wanted = E::named(arguments.name.id());
    wanted.terms().attestation = Some(arguments.proof.attestation(E::WHOSE)?);
    arguments.particulars.apply_to(&mut wanted)?;
    agree(arguments.attestation_type, wanted.terms().attestation.as_ref().map(|given| given.kind))?;
    arguments.terms.apply_to(wanted.terms())?;
    let hub = Hub::open(&arguments.hub)?;
    let created = create(&hub.service, &wanted).await;
    print(created.map_err(|error| hub.explain(error, None))?, arguments.show_keys, output)
}

pub(super) async fn show<E: Enrolled>(
    arguments: &ShowArguments<E>,
    output: &mut Output,
    get: impl AsyncFnOnce(&Service, &str) -> Result<E, Error>,
    get_attestation: impl AsyncFnOnce(&Service, &str) -> Result<Attestation, Error>,
) -> Result<(), Failure> {
    let hub = Hub::open(&arguments.hub)?;
    let id = arguments.name.id();
    let explain = |error| hub.explain(error, None);
    let mut found = get(&hub.service, id).await.map_err(explain)?;
    if arguments.show_keys {
        let attestation = get_attestation(&hub.service, id).await;
        found.terms().attestation = Some(attestation.map_err(explain)?);
    }
    print(found, arguments.show_keys, output)
}

pub(super) async fn update<E: Enrolled>(
    arguments: &UpdateArguments<E>,
    output: &mut Output,
    get: impl AsyncFnOnce(&Service, &str) -> Result<E, Error>,
    update: impl AsyncFnOnce(&Service, &E, &IfMatch) -> Result<E, Error>,
) -> Result<(), Failure> {
    let UpdateArguments { name, proof, particulars, terms, if_match, hub } = arguments;
    if terms.is_nothing() && !proof.is_given() && particulars.is_nothing() {
        return Err(Failure::misused("nothing to change: say what, as with --provisioning-status"));
    }
    let hub = Hub::open(hub)?;
    let explain = |error| hub.explain(error, None);
    let mut wanted = get(&hub.service, name.id()).await.map_err(explain)?;
    let read = wanted.terms().etag.clone().map_or(IfMatch::Any, IfMatch::Exactly);
    if proof.is_given() {
        wanted.terms().attestation = Some(proof.attestation(E::WHOSE)?);
    }
    particulars.apply_to(&mut wanted)?;
    terms.apply_to(wanted.terms())?;
    let condition = if_match.clone().unwrap_or(read);
    print(update(&hub.service, &wanted, &condition).await.map_err(explain)?, false, output)
}

/// Sees to it that what is said is what is given.
fn agree(said: Option<AttestationName>, given: Option<AttestationType>) -> Result<(), Failure> {
    match (said, given) {
        (None, _)
        | (Some(AttestationName::SymmetricKey), Some(AttestationType::SymmetricKey))
        | (Some(AttestationName::X509), Some(AttestationType::X509)) => Ok(()),
        (Some(AttestationName::X509), _) => {
            Err(Failure::misused("--attestation-type x509 takes --certificate-path"))
        }
        (Some(AttestationName::SymmetricKey), _) => {
            Err(Failure::misused("--attestation-type symmetricKey takes no certificate"))
        }
    }
}

fn print<E: Enrolled>(mut enrolled: E, show_keys: bool, output: &mut Output) -> Result<(), Failure> {
    if let (Some(attestation), false) = (&mut enrolled.terms().attestation, show_keys) {
        attestation.symmetric_key = None;
    }
    output.show(&enrolled, || table::record(enrolled.fields(show_keys)))
}
