//! What happens behind a socket: events as they come, and a snapshot of its peers and queues.

use oxmq::{Context, EventKind, Monitor, PeerState, Pull, Push, SocketType};

/// Reads events up to the first that is wanted.
fn wait_for(monitor: &Monitor, wanted: impl Fn(&EventKind) -> bool) -> Result<(), &'static str> {
    loop {
        let event = monitor.recv().ok_or("the socket was closed")?;
        println!("{event}");
        if wanted(&event.kind) {
            return Ok(());
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let context = Context::new();
    let pull = Pull::new(&context)?;
    let monitor = pull.monitor()?;
    let endpoint = pull.bind("tcp://127.0.0.1:*")?;
    wait_for(&monitor, |kind| matches!(kind, EventKind::Listening { .. }))?;

    let push = Push::new(&context)?;
    push.connect(&endpoint)?;
    wait_for(&monitor, |kind| matches!(kind, EventKind::Accepted { .. }))?;
    wait_for(&monitor, |kind| *kind == EventKind::HandshakeSucceeded)?;

    for number in 0..10u8 {
        push.send(vec![number; 100])?;
        assert_eq!(pull.recv()?.bytes(), 100);
    }
    let snapshot = pull.snapshot();
    assert_eq!((snapshot.messages_in, snapshot.bytes_in), (10, 1000));
    assert_eq!(snapshot.peers.len(), 1);
    let peer = &snapshot.peers[0];
    assert_eq!(peer.state, PeerState::Connected);
    assert_eq!(peer.socket_type, Some(SocketType::Push));
    assert_eq!((peer.messages_in, peer.queued_in), (10, 0));

    drop(push);
    wait_for(&monitor, |kind| matches!(kind, EventKind::Disconnected { .. }))?;
    // A closed socket has no more to tell.
    drop(pull);
    while let Some(event) = monitor.recv() {
        println!("{event}");
    }
    assert_eq!(monitor.lost(), 0);
    Ok(())
}
