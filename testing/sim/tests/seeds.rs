//! Seeds that failed once, each with what was wrong. A change of what a seed decides makes them
//! other runs; they stay all the same, as runs that came through much.

use oxmq_sim::{Options, run};

fn keeps_its_promises(seed: u64) {
    let outcome = run(seed, &Options::default());
    assert_eq!(outcome.violations, Vec::<String>::new(), "seed {seed}");
}

/// The disk failed while something waited to be safe. The store answered at once that it never
/// would be, the socket asked again at once, and so on for ever.
#[test]
fn a_failed_disk_is_not_asked_for_ever() {
    keeps_its_promises(188);
    keeps_its_promises(198);
}

/// Acknowledgements could not be recorded, and the timer for the next attempt was in the past.
#[test]
fn a_failed_record_of_acknowledgements_is_tried_again_after_a_pause() {
    keeps_its_promises(421);
    keeps_its_promises(956);
}

/// Acknowledgements were recorded and lost with the disk's failure, and what came later waited for
/// them.
#[test]
fn acknowledgements_that_a_failed_disk_lost_are_recorded_again() {
    keeps_its_promises(93);
    keeps_its_promises(273);
}

/// A message was rejected, and the connection was cut before its sender heard of it: it came again.
#[test]
fn a_rejected_message_does_not_come_again() {
    keeps_its_promises(78);
}

/// The publisher's disk failed and its log began another epoch, which subscribers that stayed
/// connected did not learn: one message had two ids.
#[test]
fn peers_that_stay_connected_learn_of_an_epoch() {
    keeps_its_promises(587);
}

/// A publisher's log gave messages up while a subscriber was away, and did not tell it.
#[test]
fn what_a_log_gave_up_while_a_subscriber_was_away_is_announced() {
    keeps_its_promises(629);
}
