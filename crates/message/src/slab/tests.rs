//! The life of a slab: filling, slicing, rewinding, carrying over, ending before or after its
//! slices, on one thread and on several.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::mpsc;
use std::thread;

use super::*;
use crate::{Kind, Meta};

fn filled(capacity: usize, bytes: &[u8]) -> Slab {
    let mut slab = Slab::try_new(capacity).unwrap();
    fill(&mut slab, bytes);
    slab
}

fn fill(slab: &mut Slab, bytes: &[u8]) {
    slab.spare_mut()[..bytes.len()].copy_from_slice(bytes);
    slab.advance(bytes.len());
}

fn handle(user: &str) -> MetaHandle {
    MetaHandle::new(Meta { user_id: Some(user.to_owned()), ..Meta::default() })
}

fn user_of(msg: &Msg) -> Option<&str> {
    msg.meta()?.user_id.as_deref()
}

#[test]
fn small_payloads_are_copied_and_large_ones_referred_to() {
    let bytes: Vec<u8> = (0..200).collect();
    let mut slab = filled(1000, &bytes);
    for len in 0..150 {
        let msg = slab.slice(7..7 + len);
        assert_eq!(msg, bytes[7..7 + len]);
        let kind = if len <= INLINE_MAX { Kind::Inline } else { Kind::Slice };
        assert_eq!(msg.kind(), kind);
        assert_eq!(slab.outstanding(), kind == Kind::Slice);
    }
    assert!(!slab.outstanding());
}

#[test]
fn cutting_into_a_message_lets_go_of_what_it_was() {
    let bytes: Vec<u8> = (0..200).collect();
    let mut slab = filled(1000, &bytes);
    let (mut ada, mut bob) = (handle("ada"), handle("bob"));
    assert!(slab.set_meta(&mut ada));
    let mut msg = Msg::new();
    for round in 0..3 {
        for len in [0, 5, INLINE_MAX, 100, 120, 7] {
            slab.slice_into(10..10 + len, &mut msg);
            assert_eq!(msg, bytes[10..10 + len]);
            assert_eq!(user_of(&msg), Some("ada"));
            assert_eq!(slab.outstanding(), len > INLINE_MAX);
            assert!(!msg.more() && msg.routing_id() == 0 && msg.delivery_id() == 0);
            if round == 1 {
                msg = Msg::from(vec![1; 100]);
            }
            bob.attach(&mut msg);
            msg.set_more(true);
            msg.set_routing_id(1);
            msg.set_delivery_id(1);
        }
    }
    let mut plain = filled(100, b"abc");
    plain.slice_into(0..3, &mut msg);
    assert!(msg.meta().is_none() && msg == "abc");
}

#[test]
#[should_panic(expected = "out of range")]
fn a_slice_cannot_reach_beyond_the_filled_end() {
    let mut slab = filled(100, b"abc");
    slab.slice(2..4);
}

#[test]
#[should_panic(expected = "beyond the end")]
fn filling_cannot_pass_the_capacity() {
    filled(100, b"abc").advance(98);
}

#[test]
fn rewinding_waits_for_every_slice_and_clone() {
    let mut slab = filled(300, &[b'x'; 200]);
    let msg = slab.slice(0..100);
    let clone = msg.clone();
    assert!(!slab.try_rewind(150..200));
    drop(msg);
    assert!(!slab.try_rewind(150..200));
    fill(&mut slab, b"new");
    assert_eq!(clone, [b'x'; 100]);
    drop(clone);
    assert!(!slab.try_rewind(200..204));
    #[expect(clippy::reversed_empty_ranges, reason = "what the test is about")]
    let reversed = slab.try_rewind(5..4);
    assert!(!reversed);
    assert!(slab.try_rewind(190..203));
    assert_eq!(slab.filled(), b"xxxxxxxxxxnew");
    assert_eq!(slab.spare_mut().len(), 300 - 13);
    assert!(slab.try_rewind(0..0));
    assert!(slab.is_empty());
}

#[test]
fn a_slice_that_is_written_to_lets_go_of_the_slab() {
    let mut slab = filled(300, &[b'x'; 200]);
    assert!(slab.set_meta(&mut handle("ada")));
    let mut msg = slab.slice(0..100);
    msg.make_mut()[0] = b'y';
    assert!(!slab.outstanding());
    assert_eq!(slab.filled()[0], b'x');
    assert_eq!(user_of(&msg), Some("ada"));
}

#[test]
fn slices_outlive_the_slab_and_its_metadata_handle() {
    let mut slab = filled(SLAB_BYTES, &[b'x'; 200]);
    let mut meta = handle("ada");
    assert!(slab.set_meta(&mut meta));
    let large = slab.slice(0..100);
    let small = slab.slice(100..110);
    drop(slab);
    drop(meta);
    assert_eq!(large, [b'x'; 100]);
    assert_eq!(user_of(&large), Some("ada"));
    assert_eq!(user_of(&small), Some("ada"));
    let clones = (large.clone(), small.clone());
    drop((large, small));
    assert_eq!(clones.0, [b'x'; 100]);
    assert_eq!((user_of(&clones.0), user_of(&clones.1)), (Some("ada"), Some("ada")));
}

#[test]
fn a_message_s_own_metadata_comes_before_its_slab_s() {
    let mut slab = filled(200, &[b'x'; 200]);
    assert!(slab.set_meta(&mut handle("ada")));
    let mut msg = slab.slice(0..100);
    handle("bob").attach(&mut msg);
    assert_eq!(user_of(&msg), Some("bob"));
    assert_eq!(user_of(&msg.clone()), Some("bob"));
    assert_eq!(user_of(&slab.slice(0..100)), Some("ada"));
}

#[test]
fn metadata_changes_only_when_no_slice_lives() {
    let mut slab = filled(200, &[b'x'; 200]);
    let (mut ada, mut bob) = (handle("ada"), handle("bob"));
    let early = slab.slice(0..100);
    assert!(early.meta().is_none());
    assert!(!slab.set_meta(&mut ada));
    drop(early);
    assert!(slab.set_meta(&mut ada));
    let msg = slab.slice(0..100);
    assert!(slab.set_meta(&mut ada));
    assert!(!slab.set_meta(&mut bob));
    assert_eq!(user_of(&msg), Some("ada"));
    drop(msg);
    assert!(slab.set_meta(&mut bob));
    assert_eq!(user_of(&slab.slice(0..100)), Some("bob"));
}

#[test]
fn a_partial_frame_is_carried_over_with_the_metadata() {
    let mut slab = filled(200, &[b'x'; 200]);
    assert!(slab.set_meta(&mut handle("ada")));
    let msg = slab.slice(0..100);
    let mut fresh = filled(300, b"ab");
    assert!(!slab.carry_to(100..201, &mut fresh));
    assert!(slab.carry_to(100..200, &mut fresh));
    assert_eq!(fresh.len(), 102);
    drop(slab);
    assert_eq!(user_of(&fresh.slice(2..102)), Some("ada"));
    assert_eq!(msg, [b'x'; 100]);
    assert!(!fresh.carry_to(0..102, &mut Slab::try_new(101).unwrap()));
}

#[test]
fn a_reused_slab_has_no_metadata_of_its_former_connection() {
    for _ in 0..2 * crate::SLAB_POOL_MAX {
        let mut slab = filled(SLAB_BYTES, &[b'x'; 100]);
        assert!(slab.is_empty() || slab.len() == 100);
        assert!(slab.slice(0..100).meta().is_none());
        assert!(slab.slice(0..10).meta().is_none());
        assert!(slab.set_meta(&mut handle("ada")));
    }
}

#[test]
fn impossible_capacities_are_refused() {
    assert_eq!(Slab::try_new(usize::MAX).unwrap_err().bytes(), usize::MAX);
    assert!(Slab::try_new(isize::MAX as usize).is_err());
    let mut nothing = Slab::try_new(0).unwrap();
    assert!(nothing.spare_mut().is_empty() && nothing.slice(0..0).is_empty());
}

/// A reader that fills, slices, rewinds and replaces slabs while two other threads look at the
/// slices and drop them, out of order.
#[test]
fn slices_on_other_threads_never_see_their_bytes_change() {
    const ROUNDS: usize = if cfg!(debug_assertions) { 3_000 } else { 20_000 };
    const FRAME: usize = 100;
    let (to_check, inbox): (Vec<_>, Vec<_>) = (0..2).map(|_| mpsc::channel::<(u8, Msg)>()).unzip();
    thread::scope(|scope| {
        for inbox in inbox {
            scope.spawn(move || {
                let mut kept = Vec::new();
                for (byte, msg) in inbox {
                    assert_eq!(user_of(&msg), Some("ada"));
                    kept.push((byte, msg.clone()));
                    if kept.len() == 5 {
                        for (byte, msg) in kept.drain(..) {
                            assert!(msg.iter().all(|&found| found == byte));
                        }
                    }
                }
            });
        }
        let mut meta = handle("ada");
        let mut slab = Slab::try_new(10 * FRAME).unwrap();
        assert!(slab.set_meta(&mut meta));
        let (mut rewound, mut replaced) = (0, 0);
        for round in 0..ROUNDS {
            #[expect(clippy::cast_possible_truncation, reason = "any byte will do")]
            let byte = round as u8;
            if slab.spare_mut().len() < FRAME {
                let end = slab.len();
                if slab.try_rewind(end..end) {
                    rewound += 1;
                } else {
                    let mut fresh = Slab::try_new(10 * FRAME).unwrap();
                    assert!(slab.carry_to(end..end, &mut fresh));
                    slab = fresh;
                    replaced += 1;
                }
            }
            let start = slab.len();
            fill(&mut slab, &[byte; FRAME]);
            let len = if round % 3 == 0 { INLINE_MAX } else { FRAME };
            let msg = slab.slice(start..start + len);
            to_check[round % 2].send((byte, msg)).unwrap();
        }
        assert_eq!(rewound + replaced, ROUNDS / 10 - 1);
        drop(to_check);
    });
}
