//! Every kind of message: what it stores where, who frees it and when. Nothing is shared between
//! the tests; those with threads join them.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::mem::{MaybeUninit, offset_of};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;

use super::*;
use crate::{MetaHandle, Slab};

/// Longer than any inline payload.
const LONG: [u8; 100] = [b'x'; 100];

/// Adds one to the counter behind `hint`.
unsafe extern "C" fn count_free(_data: *mut c_void, hint: *mut c_void) {
    // SAFETY: the tests pass a counter that lives until every message is gone.
    unsafe { &*hint.cast::<AtomicUsize>() }.fetch_add(1, Ordering::Relaxed);
}

fn user(bytes: &'static [u8], frees: &AtomicUsize) -> Msg {
    let data = bytes.as_ptr().cast_mut().cast();
    let hint = ptr::from_ref(frees).cast_mut().cast();
    // SAFETY: static bytes stay readable; `count_free` may be called anywhere.
    unsafe { Msg::from_raw(data, bytes.len(), Some(count_free), hint) }.unwrap()
}

fn sliced(bytes: &[u8]) -> Msg {
    let mut slab = Slab::try_new(bytes.len()).unwrap();
    slab.spare_mut().copy_from_slice(bytes);
    slab.advance(bytes.len());
    slab.slice(0..bytes.len())
}

/// One message of each kind with the payload `LONG`, but for the inline one.
fn one_of_each() -> Vec<Msg> {
    static NO_COUNT: AtomicUsize = AtomicUsize::new(0);
    static LONG_STATIC: [u8; 100] = LONG;
    vec![
        Msg::from(&LONG[..INLINE_MAX]),
        Msg::from(LONG),
        sliced(&LONG),
        Msg::from_static(&LONG_STATIC),
        user(&LONG_STATIC, &NO_COUNT),
        Msg::from_owner(LONG),
        Msg::from(LONG.to_vec()),
    ]
}

#[test]
fn layout_leaves_the_payload_first_and_the_tags_last() {
    assert_eq!(offset_of!(Msg, data), 0);
    assert_eq!(offset_of!(Msg, meta), INLINE_MAX);
    assert!(offset_of!(Msg, inline_len) < 64);
}

#[test]
fn memory_that_was_never_a_message_is_told_from_one() {
    let zeroed = MaybeUninit::<Msg>::zeroed();
    // SAFETY: 64 bytes that are initialised.
    assert!(!unsafe { Msg::is_valid(zeroed.as_ptr()) });
    let msg = Msg::new();
    // SAFETY: as above.
    assert!(unsafe { Msg::is_valid(&raw const msg) });
}

#[test]
fn inline_payload_of_every_length_is_kept() {
    let bytes: Vec<u8> = (1..=100).collect();
    for len in 0..=bytes.len() {
        let msg = Msg::from(&bytes[..len]);
        assert_eq!(msg, bytes[..len], "length {len}");
        assert_eq!(msg.kind() == Kind::Inline, len <= INLINE_MAX);
        assert_eq!(Msg::from(bytes[..len].to_vec()), msg);
    }
}

#[test]
fn every_kind_reads_clones_and_moves() {
    let kinds = [Kind::Inline, Kind::Heap, Kind::Slice, Kind::Static];
    let owned = [Kind::Owner, Kind::Owner, Kind::Vec];
    for (mut msg, kind) in one_of_each().into_iter().zip(kinds.into_iter().chain(owned)) {
        assert_eq!(msg.kind(), kind);
        assert_eq!(*msg, LONG[..msg.len()]);
        let clone = msg.clone();
        assert_eq!(clone, msg);
        assert_eq!(clone.as_ptr() == msg.as_ptr(), kind != Kind::Inline, "{kind:?}");
        let moved = msg.take();
        assert_eq!((msg.kind(), msg.len()), (Kind::Inline, 0));
        drop(clone);
        assert_eq!(*moved, LONG[..moved.len()]);
    }
}

#[test]
fn writing_never_shows_in_a_clone() {
    for mut msg in one_of_each() {
        let clone = msg.clone();
        let len = msg.len();
        msg.make_mut().fill(b'y');
        assert!(msg.iter().all(|&byte| byte == b'y'));
        assert_eq!(*clone, LONG[..len]);
        assert!(msg.is_writable());
    }
}

#[test]
fn a_sole_holder_writes_in_place() {
    for mut msg in one_of_each() {
        let in_place = msg.is_writable();
        let expected = matches!(msg.kind(), Kind::Inline | Kind::Heap | Kind::Vec);
        assert_eq!(in_place, expected, "{msg:?}");
        let before = msg.as_ptr();
        assert_eq!(msg.make_mut().as_ptr() == before, in_place);
        assert_eq!(msg.as_mut_ptr().cast_const(), msg.as_ptr());
    }
}

#[test]
fn labels_survive_clone_take_and_write() {
    for mut msg in one_of_each() {
        msg.set_more(true);
        msg.set_command(true);
        msg.set_routing_id(7);
        msg.set_delivery_id(u64::MAX);
        let mut clone = msg.clone();
        clone.make_mut();
        let msg = msg.take();
        for msg in [&msg, &clone] {
            assert!(msg.more() && msg.command());
            assert_eq!((msg.routing_id(), msg.delivery_id()), (7, u64::MAX));
        }
        clone.set_more(false);
        assert!(!clone.more() && clone.command());
        clone.set_command(false);
        assert!(!clone.command());
    }
}

#[test]
fn sharing_is_seen_while_it_lasts() {
    for msg in [Msg::from(LONG), Msg::from(LONG.to_vec()), Msg::from_owner(LONG)] {
        assert!(!msg.is_shared());
        let clone = msg.clone();
        assert!(msg.is_shared() && clone.is_shared());
        drop(clone);
        assert!(!msg.is_shared());
    }
    assert!(!Msg::from("short").is_shared());
    assert!(sliced(&LONG).is_shared());
}

#[test]
fn truncation_shortens_this_message_only() {
    for mut msg in one_of_each() {
        let clone = msg.clone();
        msg.truncate(1000);
        assert_eq!(msg, clone);
        msg.truncate(3);
        assert_eq!(msg, "xxx");
        assert_eq!(msg.clone().into_vec(), b"xxx");
        assert_eq!(*clone, LONG[..clone.len()]);
        msg.make_mut()[0] = b'y';
        assert_eq!(msg, "yxx");
        assert_eq!(msg.into_vec(), b"yxx");
    }
}

#[test]
fn a_vector_comes_back_without_copy() {
    let vec = LONG.to_vec();
    let ptr = vec.as_ptr();
    let mut msg = Msg::from(vec);
    assert_eq!(msg.as_ptr(), ptr);
    msg.truncate(50);
    let vec = msg.into_vec();
    assert_eq!((vec.as_ptr(), vec.len()), (ptr, 50));

    let msg = Msg::from(vec);
    let clone = msg.clone();
    let (copy, original) = (msg.into_vec(), clone.into_vec());
    assert_eq!(copy, original);
    assert_ne!(copy.as_ptr(), ptr);
    assert_eq!(original.as_ptr(), ptr);
}

#[test]
fn sizes_are_cleared_and_impossible_ones_refused() {
    for len in [0, 1, INLINE_MAX, INLINE_MAX + 1, 100_000] {
        let msg = Msg::try_with_size(len).unwrap();
        assert_eq!(*msg, vec![0; len]);
    }
    for len in [usize::MAX, usize::MAX - 8, isize::MAX as usize] {
        assert_eq!(Msg::try_with_size(len).unwrap_err().bytes(), len);
    }
    for len in [5, 5000] {
        // SAFETY: every byte is written before the payload is read.
        let msg = unsafe {
            let mut msg = Msg::try_with_size_uninit(len).unwrap();
            msg.as_mut_ptr().write_bytes(9, len);
            msg
        };
        assert_eq!(*msg, vec![9; len]);
    }
}

#[test]
fn the_free_function_is_called_once_with_the_last_message() {
    let frees = AtomicUsize::new(0);
    let msg = user(b"the user's own memory", &frees);
    assert_eq!(msg, "the user's own memory");
    let mut written = msg.clone();
    let clone = msg.clone();
    drop(msg);
    assert_eq!(frees.load(Ordering::Relaxed), 0);
    written.make_mut()[0] = b'T';
    assert_eq!(clone, "the user's own memory");
    drop(clone);
    assert_eq!(frees.load(Ordering::Relaxed), 1);
    drop(written);
    assert_eq!(frees.load(Ordering::Relaxed), 1);
}

#[test]
fn the_free_function_gets_the_buffer_and_the_hint() {
    unsafe extern "C" fn free_box(data: *mut c_void, hint: *mut c_void) {
        // SAFETY: the test below passes boxes of these types, each once.
        unsafe {
            assert_eq!(*Box::from_raw(data.cast::<[u8; 100]>()), LONG);
            Box::from_raw(hint.cast::<Arc<AtomicUsize>>()).fetch_add(1, Ordering::Relaxed);
        }
    }
    let frees = Arc::new(AtomicUsize::new(0));
    let data = Box::into_raw(Box::new(LONG)).cast();
    let hint = Box::into_raw(Box::new(Arc::clone(&frees))).cast();
    // SAFETY: the box is readable for its 100 bytes until `free_box` gets it.
    let mut msg = unsafe { Msg::from_raw(data, 100, Some(free_box), hint) }.unwrap();
    msg.truncate(1);
    drop(msg);
    assert_eq!(frees.load(Ordering::Relaxed), 1);
}

#[test]
fn a_buffer_without_bytes_or_function_is_fine() {
    let frees = AtomicUsize::new(0);
    let hint = ptr::from_ref(&frees).cast_mut().cast();
    // SAFETY: no bytes are read from the null buffer.
    let msg = unsafe { Msg::from_raw(ptr::null_mut(), 0, Some(count_free), hint) }.unwrap();
    assert!(msg.is_empty());
    drop(msg);
    assert_eq!(frees.load(Ordering::Relaxed), 1);
    let data = LONG.as_ptr().cast_mut().cast();
    // SAFETY: a constant is readable for ever.
    let msg = unsafe { Msg::from_raw(data, 5, None, ptr::null_mut()) }.unwrap();
    assert_eq!(msg, "xxxxx");
}

#[test]
fn clones_dropped_at_once_on_many_threads_free_once() {
    const THREADS: usize = 4;
    let slab_source = sliced(&LONG);
    for _ in 0..200 {
        let frees = AtomicUsize::new(0);
        let owner = Arc::new(LONG);
        let mut meta = MetaHandle::new(Meta::default());
        let mut msgs = vec![
            user(b"bytes of the user", &frees),
            Msg::from_owner(OwnerOf(Arc::clone(&owner))),
            Msg::from(LONG),
            Msg::from(LONG.to_vec()),
            slab_source.clone(),
        ];
        msgs.iter_mut().for_each(|msg| meta.attach(msg));
        drop(meta);
        let barrier = Barrier::new(THREADS);
        thread::scope(|scope| {
            for _ in 1..THREADS {
                let msgs = msgs.clone();
                let barrier = &barrier;
                scope.spawn(move || {
                    barrier.wait();
                    let again = msgs.clone();
                    assert_eq!(msgs[2], LONG);
                    assert_eq!(again[4].meta().unwrap().source_fd, -1);
                    drop(msgs);
                });
            }
            barrier.wait();
            drop(msgs);
        });
        assert_eq!(frees.load(Ordering::Relaxed), 1);
        assert_eq!(Arc::strong_count(&owner), 1);
    }
}

/// Lends the bytes of a counted array.
struct OwnerOf(Arc<[u8; 100]>);

impl AsRef<[u8]> for OwnerOf {
    fn as_ref(&self) -> &[u8] {
        &*self.0
    }
}

#[test]
fn an_owner_that_panics_is_dropped_all_the_same() {
    struct Panics(#[expect(dead_code, reason = "counted")] Arc<()>);
    impl AsRef<[u8]> for Panics {
        fn as_ref(&self) -> &[u8] {
            panic!("no bytes")
        }
    }
    let alive = Arc::new(());
    let owner = Panics(Arc::clone(&alive));
    let made = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| Msg::from_owner(owner)));
    assert!(made.is_err());
    assert_eq!(Arc::strong_count(&alive), 1);
}

#[test]
fn debug_shows_length_flags_and_first_bytes_only() {
    let mut msg = Msg::from("a\n\u{e9}");
    msg.set_more(true);
    let text = format!("{msg:?}");
    assert_eq!(text, r#"Msg { len: 4, kind: Inline, more: true, bytes: "a\n\xc3\xa9" }"#);
    let text = format!("{:?}", Msg::from(vec![b'x'; 1_000_000]));
    assert!(text.len() < 120 && text.ends_with("x\"... }"), "{text}");
}

#[test]
fn comparison_and_text_look_at_bytes() {
    let msg = Msg::from("abc".to_owned());
    assert_eq!(msg, "abc");
    assert_eq!(msg, b"abc");
    assert_eq!(msg, vec![b'a', b'b', b'c']);
    assert_ne!(msg, "abd");
    assert_eq!(msg, b"abc".iter().copied().collect::<Msg>());
    assert_eq!(msg.as_str(), Ok("abc"));
    assert!(Msg::from(b"\xff").as_str().is_err());
}
