//! Durable PUSH and PULL: a process that sends orders and one that books them, each of which ends
//! early and is started again. No order is lost, and none is booked twice.
//!
//! A process that ends is a function that returns here; a kill leaves the same behind.

use std::collections::BTreeMap;
use std::path::Path;

use oxmq::{AckMode, Context, Pull, Push};

const ORDERS: u32 = 50;

/// Sends orders from the one after the last on, as many as it lives for.
fn shop(store: &Path, endpoint: &str, orders: std::ops::Range<u32>) -> oxmq::Result<()> {
    let context = Context::new();
    let push = Push::with_options(&context, |o| o.durable("shop", store))?;
    push.connect(endpoint)?;
    for order in orders {
        // Returns once the order is on disk.
        push.send(order.to_string())?;
    }
    Ok(())
}

/// Books orders until it has this many; keeps what it has booked beside the number of each message.
fn book(
    context: &Context,
    store: &Path,
    endpoint: &str,
    booked: &mut BTreeMap<(u128, u64), u32>,
    until: usize,
) -> Result<(), Box<dyn std::error::Error>> {
    let pull =
        Pull::with_options(context, |o| o.durable("ledger", store).ack_mode(AckMode::Explicit))?;
    pull.bind(endpoint)?;
    while booked.len() < until {
        let message = pull.recv()?;
        let delivery = message.delivery().ok_or("a durable socket numbers its messages")?;
        // The same message has the same number however often it comes.
        booked.insert((delivery.log, delivery.offset), message.str()?.parse()?);
        message.ack();
    }
    // This one is booked and not acknowledged when the process ends: it comes again.
    if until < ORDERS as usize {
        let message = pull.recv()?;
        let delivery = message.delivery().ok_or("a durable socket numbers its messages")?;
        booked.insert((delivery.log, delivery.offset), message.str()?.parse()?);
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::temp_dir().join(format!("oxmq-example-durable-{}", std::process::id()));
    let (shop_store, ledger_store) = (folder.join("shop"), folder.join("ledger"));
    let endpoint = format!("ipc://{}", folder.join("orders").display());
    std::fs::create_dir_all(&folder)?;
    let mut booked = BTreeMap::new();

    // Nobody books yet; the shop ends all the same.
    shop(&shop_store, &endpoint, 0..20)?;
    // The shop is started again, with more orders, and stays while they are booked.
    let sender = Context::new();
    let push = Push::with_options(&sender, |o| o.durable("shop", &shop_store))?;
    push.connect(&endpoint)?;
    for order in 20..ORDERS {
        push.send(order.to_string())?;
    }
    book(&Context::new(), &ledger_store, &endpoint, &mut booked, 10)?;
    book(&Context::new(), &ledger_store, &endpoint, &mut booked, ORDERS as usize)?;
    let all: Vec<u32> = booked.into_values().collect();
    assert_eq!(all, (0..ORDERS).collect::<Vec<u32>>());
    println!("{ORDERS} orders, each of them once");

    drop(push);
    drop(sender);
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}
