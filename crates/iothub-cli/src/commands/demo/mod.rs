mod scene;
mod steps;
mod story;

use core::time::Duration;

use iothub_codec::Dialect;

use crate::dialect::{Dialects, dialects};
use crate::failure::Failure;
use crate::output::Output;
use scene::Scene;
use story::Story;

/// See a method travel from a back end to a device and back, through every layer
///
/// Starts a hub inside this process on free ports, registers a device, connects it over MQTT and TLS, and
/// calls it through the REST API over HTTPS: with success, with an error of the device's, with a device that
/// stays silent, and with one that is gone. Also changes a desired property, sends telemetry and a message to
/// the device. Prints what travels where and when, and compares each step with what should have happened.
/// Takes about six seconds for each dialect, five of them waiting for the silent device.
#[derive(clap::Args)]
#[command(after_help = r#"Examples:
  iothub demo
  iothub demo --dialect preview5
  iothub demo --dialect all                    the same exchange, one dialect after the other
  iothub demo -o json | jq -r .what

Exit status: 0 if every step was as it should be, 1 otherwise; then the last line names the step."#)]
pub(crate) struct Arguments {
    /// How the device and the hub talk: over MQTT 3.1.1 as all SDKs do, in the two ways that were previews
    /// once, or in each of the three
    #[arg(long, value_name = "DIALECT", value_parser = dialects(), default_value = "classic")]
    dialect: Dialects,
}

pub(crate) async fn run(arguments: &Arguments, output: &mut Output) -> Result<(), Failure> {
    let story = Story::begin(output);
    match arguments.dialect {
        Dialects::One(dialect) => {
            perform(dialect, &story).await?;
            story.chapter("every step was as it should be").map_err(Failure::failed)
        }
        Dialects::All => {
            let mut failures = Vec::new();
            for dialect in Dialect::ALL.iter().copied() {
                story.act(dialect).map_err(Failure::failed)?;
                // The others are worth seeing all the same.
                if let Err(failure) = perform(dialect, &story).await {
                    failures.push(format!("in the dialect {dialect}, {failure}"));
                }
            }
            if !failures.is_empty() {
                return Err(Failure::failed(failures.join("; ")));
            }
            story.chapter("every step was as it should be, in each dialect").map_err(Failure::failed)
        }
    }
}

async fn perform(dialect: Dialect, story: &Story<'_>) -> Result<(), Failure> {
    let mut scene = step("start a hub", story, Scene::set(dialect, story)).await?;
    let end = play(&mut scene, story).await;
    scene.clear().await;
    end
}

async fn play(scene: &mut Scene, story: &Story<'_>) -> Result<(), Failure> {
    step("register a device", story, steps::register(scene, story)).await?;
    step("connect it", story, steps::connect(scene, story)).await?;
    step("call a method", story, steps::call(scene, story)).await?;
    step("call a method that fails on the device", story, steps::call_in_vain(scene, story)).await?;
    step("call a method that is not answered", story, steps::call_and_wait(scene, story)).await?;
    step("want a property to change", story, steps::change_desired(scene, story)).await?;
    step("send telemetry", story, steps::send_telemetry(scene, story)).await?;
    step("send a message to the device", story, steps::send_command(scene, story)).await?;
    step("call a method of a device that is gone", story, steps::call_nobody(scene, story)).await
}

async fn step<T>(
    name: &str,
    story: &Story<'_>,
    happens: impl Future<Output = Result<T, String>>,
) -> Result<T, Failure> {
    let wrong = |why: String| Failure::failed(format_args!("step \"{name}\" went wrong: {why}"));
    story.chapter(name).map_err(wrong)?;
    match tokio::time::timeout(STEP_LIMIT, happens).await {
        Ok(end) => end.map_err(wrong),
        Err(_) => Err(wrong(format!("it did not end within {STEP_LIMIT:?}"))),
    }
}

/// Twice the time that the slowest step should take.
const STEP_LIMIT: Duration = Duration::from_secs(10);
