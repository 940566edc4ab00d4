//! The simulator is known to bite: a rule that is broken on purpose is found; and the same seed
//! does the same again.

use oxmq_sim::{Control, Options, Pattern, run};

/// Seeds within which each control has to be found. It takes one or two.
const SEEDS: u64 = 40;

fn is_found(control: Control, pattern: Pattern, rule: &str) -> bool {
    let options = Options { control: Some(control), pattern: Some(pattern), ..Options::default() };
    (1..=SEEDS).any(|seed| {
        run(seed, &options).violations.iter().any(|violation| violation.starts_with(rule))
    })
}

#[test]
fn disks_that_only_say_they_synchronise_are_found() {
    assert!(is_found(Control::LyingDisks, Pattern::Push, "I9"));
    assert!(is_found(Control::LyingDisks, Pattern::Push, "I1"));
}

#[test]
fn acknowledgements_of_what_nobody_has_dealt_with_are_found() {
    assert!(is_found(Control::ForgedAcks, Pattern::Push, "I10"));
    assert!(is_found(Control::ForgedAcks, Pattern::Publish, "I1"));
}

#[test]
fn changed_numbers_are_found() {
    assert!(is_found(Control::ForgedNumbers, Pattern::Push, "identity"));
}

#[test]
fn the_same_seed_does_the_same_again() {
    for seed in 1..=SEEDS {
        let (first, second) = (run(seed, &Options::default()), run(seed, &Options::default()));
        assert_eq!(first.hash, second.hash, "seed {seed}");
        assert_eq!(first.steps, second.steps, "seed {seed}");
    }
}
