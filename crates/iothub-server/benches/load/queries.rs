use iothub_service::{QueryPage, QueryPosition, Service};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::clock;
use crate::target::Target;
use crate::usage::{processor_us, resident};

/// Queries of which an index knows the answer: one device by its tag, the first hundred of a plant, and one device by a
/// property that has had time to get an index.
pub(crate) async fn selective(target: Target) -> Value {
    let (service, devices) = (target.service().unwrap(), target.number("devices", 10_000));
    let serial = |n: u64| format!("SELECT * FROM devices WHERE tags.serial = 's{}'", n * 7919 % devices);
    let plant = |n: u64| format!("SELECT deviceId FROM devices WHERE tags.plant = 'p{}'", n % 1000);
    let rate = |n: u64| {
        let n = n * 7919 % devices;
        let (rate, plant) = (n % 10_000, n % 1000);
        format!("SELECT * FROM devices WHERE properties.desired.rate = {rate} AND tags.plant = 'p{plant}'")
    };
    let wanted = "SELECT deviceId FROM devices WHERE properties.desired.rate = 7";
    while service.explain_query(wanted).await.unwrap().access.as_str() != "index" {
        tokio::time::sleep(core::time::Duration::from_millis(100)).await;
    }
    json!({
        "serial_us": first_pages(&target, &service, &serial).await,
        "plant_us": first_pages(&target, &service, &plant).await,
        "rate_us": first_pages(&target, &service, &rate).await,
        "resident": resident(target.pid),
    })
}

/// The median of the times from question to first page. What is in its rows is left to whoever wants it.
async fn first_pages(target: &Target, service: &Service, query: &impl Fn(u64) -> String) -> f64 {
    let mut times = Vec::new();
    for n in 0..target.number("count", 500) {
        let query = query(n);
        let begin = clock::now();
        let page = service.pages::<Box<RawValue>>(&query).next().await.unwrap().unwrap();
        times.push(clock::now().duration_since(begin).as_secs_f64() * 1e6);
        assert_ne!(page.rows.len(), 0, "{query}");
    }
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// A query for which every twin is looked at, to its end: time of a page, and processor time of the server for a twin.
pub(crate) async fn scan(target: Target) -> Value {
    let (service, devices) = (target.service().unwrap(), target.number("devices", 10_000));
    let query = "SELECT deviceId FROM devices WHERE contains(tags.serial, 'none') OR version < 0";
    let (mut after, mut first_us): (Option<QueryPosition>, _) = (None, None);
    let (begin, used) = (clock::now(), processor_us(target.pid));
    loop {
        let page: QueryPage = service.query(query, None, after.as_ref()).await.unwrap();
        let until_now = clock::now().duration_since(begin).as_secs_f64() * 1e6;
        first_us.get_or_insert(until_now);
        after = page.next;
        if after.is_none() {
            let used = processor_us(target.pid) - used;
            return json!({
                "first_page_us": first_us,
                "twin_us": until_now / devices as f64,
                "twin_cpu_us": used as f64 / devices as f64,
            });
        }
    }
}

/// All twins counted by plant.
pub(crate) async fn grouped(target: Target) -> Value {
    let (service, devices) = (target.service().unwrap(), target.number("devices", 10_000));
    let query = "SELECT tags.plant AS plant, COUNT() AS n FROM devices GROUP BY tags.plant";
    let begin = clock::now();
    let page = service.query(query, None, None).await.unwrap();
    let us = clock::now().duration_since(begin).as_secs_f64() * 1e6;
    assert_eq!(page.rows.len(), 100);
    json!({ "first_page_ms": us / 1e3, "twin_us": us / devices as f64 })
}
