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

/// What a full log dropped counted as settled by every subscriber.
#[test]
fn what_a_full_log_dropped_is_told_to_who_comes_back() {
    [3002, 3114, 5432, 5775, 9263, 9615, 9702].into_iter().for_each(keeps_its_promises);
}

/// Monitors were not told of what was set aside while the socket looked for a message to receive.
#[test]
fn what_was_set_aside_is_told_at_once() {
    [1771, 4060, 4645].into_iter().for_each(keeps_its_promises);
}

/// A reply that could not be recorded was given up by the simulated program; it is sent again, or
/// the request comes again.
#[test]
fn a_reply_that_a_failed_disk_refused_is_sent_again() {
    [281, 2417, 7436, 7650, 8727].into_iter().for_each(keeps_its_promises);
}

/// That requests are settled was lost with the disk's failure and not recorded again. After a
/// restart the first of them counted as outstanding, and its reply never came.
#[test]
fn a_request_that_was_given_up_is_not_waited_for() {
    [6619, 7291, 7473, 7892, 8511].into_iter().for_each(keeps_its_promises);
}

/// A simulated program did not ask for a reply again that it had not settled before a restart,
/// waited for one that was lost with the power, or came back with a name that was another's.
#[test]
fn programs_that_start_again_do_what_they_have_to() {
    [2895, 4141, 4834].into_iter().for_each(keeps_its_promises);
}

/// After a failure of the disk the time at which the store was to open anew stayed in the past.
#[test]
fn a_store_that_another_has_opened_anew_is_not_opened_again() {
    keeps_its_promises(9697);
}

/// Positions that were given up with a failed disk were used again.
#[test]
fn what_comes_after_a_failure_is_not_taken_for_what_was_given_up() {
    [11588, 12085, 17736].into_iter().for_each(keeps_its_promises);
}

/// What was lost with a failed disk still waited for its name, and the number was given to a
/// message for another, which went to the first.
#[test]
fn a_number_that_is_given_again_goes_to_whom_it_is_for() {
    keeps_its_promises(9728);
}

/// A reply that was recorded after the store had opened anew counted as lost with what came before,
/// and its request was asked for again.
#[test]
fn a_reply_to_a_store_that_has_opened_anew_counts() {
    [1216, 16328, 24897].into_iter().for_each(keeps_its_promises);
}
